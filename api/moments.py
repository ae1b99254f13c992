"""Times in requests: RFC 3339 with an offset, taken to UTC."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # within an offset of the years 1 and 9999
        raise ValueError("give a time between the years 2 and 9998") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
