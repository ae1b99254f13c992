"""Running a study: what exists is taken, what is missing is submitted, all is waited for."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from netaug_client.errors import WaitTimedOut
from netaug_client.models import JobSummary
from netaug_client.studies import results
from netaug_client.studies.ledger import Ledger
from netaug_client.studies.results import Row
from netaug_core.placeholders import MARK
from netaug_core.spec import JobSpec
from netaug_core.study import Cell, StudySpec

POLL_S = 1.0
RETRIED = frozenset({"failed", "cancelled"})


class Watcher(Protocol):
    """Hears how a study goes on."""

    def ended(self, row: Row, num_ended: int, num_all: int) -> None: ...
    def running(self, jobs: Sequence[JobSummary]) -> None: ...


@dataclass
class Place:
    """A cell of the grid, or a teacher, and its job once there is one."""

    cell: Cell
    teachers: frozenset[str] = frozenset()
    job: JobSummary | None = None
    row: Row | None = None  # once nothing more will come of it


@dataclass
class Run:
    """One run over a study's grid.

    Attributes:
        retry: queue jobs that had failed or were cancelled before again.
    """

    study: StudySpec
    ledger: Ledger
    watcher: Watcher
    retry: bool = False
    teachers: dict[str, Place] = field(init=False)
    students: list[Place] = field(init=False)

    def __post_init__(self) -> None:
        study = self.study
        self.teachers = {name: Place(teacher_cell(study, name)) for name in study.teachers}
        self.students = [Place(cell, study.teachers_of(cell)) for cell in study.cells()]

    @property
    def places(self) -> list[Place]:
        return [*self.teachers.values(), *self.students]

    @property
    def rows(self) -> list[Row]:
        """What is known now, of all places."""
        return [place.row or self._row(place) for place in self.places]

    @property
    def is_done(self) -> bool:
        return all(place.row for place in self.places)

    def look(self) -> None:
        """Find existing jobs and submit none."""
        self._take(submit=False)
        self._hear(self.ledger.look())

    def finish(
        self, timeout: float | None = None, *, before_round: Callable[[], None] = lambda: None
    ) -> None:
        """Submit what is missing and wait until every job is final.

        Args:
            timeout: seconds to wait at most.
            before_round: called whenever the jobs are about to be looked at; may raise to end this.

        Raises:
            WaitTimedOut: some are not, after `timeout` seconds; they go on.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            before_round()
            self._take(submit=True)
            self._hear(self.ledger.look())
            if self.is_done:
                return
            if until is not None and time.monotonic() >= until:
                left = sum(place.row is None for place in self.places)
                raise WaitTimedOut(f"{left} jobs of study {self.study.name} go on")
            time.sleep(POLL_S)

    def _take(self, *, submit: bool) -> None:
        """Find or submit the job of every place that has none and whose teachers are ready."""
        for name, place in self.teachers.items():
            if place.job is None:
                spec = self.study.teacher_spec(name)
                place.job = self._job(spec, self.study.teacher_tags(name), submit=submit)
        ready = {
            name: place.job.id
            for name, place in self.teachers.items()
            if place.job is not None and place.job.status == "succeeded"
        }
        for place in self.students:
            if place.job is None and place.row is None and place.teachers <= ready.keys():
                spec = self.study.job_spec(place.cell, ready)
                place.job = self._job(spec, self.study.tags(place.cell), submit=submit)

    def _job(self, spec: JobSpec, tags: tuple[str, ...], *, submit: bool) -> JobSummary | None:
        job = self.ledger.find(spec, tags)
        if job is not None and self.retry and job.status in RETRIED:
            return self.ledger.retry(job)
        return self.ledger.submit(spec) if job is None and submit else job

    def _hear(self, jobs: dict[str, JobSummary]) -> None:
        """Take the jobs' new states over, and tell of those that have ended."""
        for place in self.places:
            if place.job is not None and place.row is None:
                place.job = jobs.get(place.job.id) or place.job.model_copy(
                    update={"status": results.DELETED}
                )
            row = self._row(place)
            if place.row is None and row.is_final:
                place.row = row
                ended = sum(other.row is not None for other in self.places)
                self.watcher.ended(row, ended, len(self.places))

        running = [place.job for place in self.places if place.job and place.row is None]
        self.watcher.running([job for job in running if job.status == "running"])

    def _row(self, place: Place) -> Row:
        job, cell = place.job, place.cell
        if job is not None:
            why = self.ledger.why(job) if job.status == "failed" else ""
            return results.row(cell, job, why)
        lost = sorted(place.teachers & self._lost_teachers())
        status = results.NOT_SUBMITTED if lost else results.WAITING
        why = f"teacher {', '.join(lost)} has no result" if lost else ""
        return Row(model=cell.model, method=cell.method, seed=cell.seed, status=status, message=why)

    def _lost_teachers(self) -> set[str]:
        return {
            name
            for name, place in self.teachers.items()
            if place.row is not None and not place.row.succeeded
        }


def teacher_cell(study: StudySpec, name: str) -> Cell:
    """Where a teacher stands in the results: of no model of the grid."""
    return Cell("", f"{MARK}{name}", study.teacher_spec(name).training.seed)
