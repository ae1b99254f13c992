"""results.csv: one row a job of a study. Everything reported is computed from these rows."""

import csv
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from netaug_client.errors import NetaugError
from netaug_client.models import FINAL, JobSummary
from netaug_core.documents import sentences
from netaug_core.placeholders import MARK
from netaug_core.study import Cell
from netaug_core.study_metric import METRICS, WORDS, Metric

NOT_SUBMITTED = "not submitted"
DELETED = "deleted"
WAITING = "waiting"  # for its teacher, or to be submitted
MEASURED = (
    *METRICS,
    "test_loss",
    "best_epoch",
    "epochs_run",
    "train_seconds",
    "params",
    "macs",
    "stopped_early",
)


class BadResults(NetaugError):
    """A file is not the results of a study."""


class Row(BaseModel):
    """A job and what it measured; the values are None unless it succeeded. Scores are 0..1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    method: str  # of a teacher: "@" and its name
    seed: int
    status: str
    test_accuracy: float | None = None
    validation_accuracy: float | None = None
    test_ap50: float | None = None
    test_ap50_voc07: float | None = None
    test_ap: float | None = None
    validation_ap50: float | None = None
    validation_ap50_voc07: float | None = None
    validation_ap: float | None = None
    test_loss: float | None = None
    best_epoch: int | None = None
    epochs_run: int | None = None
    train_seconds: float | None = None
    params: int | None = None
    macs: int | None = None
    stopped_early: bool | None = None
    job_id: str = ""
    message: str = ""

    @field_validator(*MEASURED, mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @property
    def succeeded(self) -> bool:
        return self.status == "succeeded"

    @property
    def is_teacher(self) -> bool:
        return self.method.startswith(MARK)

    def score(self, metric: Metric) -> float | None:
        value: float | None = getattr(self, metric)
        return value

    def told_score(self, metric: Metric | None = None) -> str:
        """A score in words and per cent: of the metric, or else the first that there is; or ""."""
        for name in (metric, *METRICS):
            if name is not None and (value := self.score(name)) is not None:
                return f"{WORDS[name]} {100 * value:.2f}"
        return ""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come of it by itself."""
        return self.status in {*FINAL, NOT_SUBMITTED, DELETED}


def row(cell: Cell, job: JobSummary, message: str = "") -> Row:
    """What a job on the server has measured so far."""
    result = (job.result or {}) if job.status == "succeeded" else {}
    return Row(
        model=cell.model,
        method=cell.method,
        seed=cell.seed,
        status=job.status,
        job_id=job.id,
        message=message,
        **{name: result.get(name) for name in MEASURED},
    )


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows; a score that no row has gets no column."""
    unmeasured = {name for name in METRICS if all(row.score(name) is None for row in rows)}
    columns = [name for name in Row.model_fields if name not in unmeasured]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(row.model_dump())


def read(path: Path) -> list[Row]:
    """The rows of a file that `write` made.

    Raises:
        BadResults: it cannot be read, or a line is not a job; it is named.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise BadResults(f"{path} cannot be read: {error}") from error
    rows = []
    for number, line in enumerate(lines, start=2):
        try:
            rows.append(Row.model_validate(line))
        except ValidationError as error:
            raise BadResults(f"{path}, line {number}: {'; '.join(sentences(error))}") from error
    return rows
