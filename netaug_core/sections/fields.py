"""What the sections of a spec are made of: the field types, and what a section is."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from netaug_core.datasets import MAX_NAME_LENGTH, NAME_PATTERN

Count = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0.0, le=1.0)]
Probability = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0.0, lt=1.0)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,99}$")]
Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:=/-]{0,49}$")]
DatasetName = Annotated[
    str,
    StringConstraints(pattern=rf"^{NAME_PATTERN.pattern}$", max_length=MAX_NAME_LENGTH),
]
EARLIEST_YEAR, LATEST_YEAR = 2, 9998
JobId = Annotated[str, StringConstraints(pattern=r"^job_[0-9a-f]{32}$")]


def _is_written_out(moment: object) -> object:
    if isinstance(moment, str | datetime):
        return moment
    raise ValueError("give a time with its offset, for example 2026-01-31T12:00:00Z")


def _in_utc(moment: datetime) -> datetime:
    # Room for an offset, and for the longest wait after it.
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(f"give a time between the years {EARLIEST_YEAR} and {LATEST_YEAR}")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, BeforeValidator(_is_written_out), AfterValidator(_in_utc)]


class Section(BaseModel):
    """A part of a spec: immutable, and a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
