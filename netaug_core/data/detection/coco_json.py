"""The parts of a COCO annotation file that detection needs, read strictly; the rest is let be."""

from pathlib import Path
from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import ErrorDetails
from typing_extensions import TypedDict

from netaug_core.data.detection import files
from netaug_core.data.detection.faults import MOST_TOLD
from netaug_core.errors import BadData

MOST_BYTES = 2 << 30  # the largest official file has 0.45 GB
MAX_SIDE = 1_000_000
MAX_TEXT = 50
# JSON's numbers include NaN here: it is told with the box it stands in.
STRICT = ConfigDict(strict=True, extra="ignore", allow_inf_nan=True)

Id = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Flag = Literal[0, 1]


@with_config(STRICT)
class CocoImage(TypedDict):
    id: Id
    file_name: str
    width: Side
    height: Side


@with_config(STRICT)
class CocoObject(TypedDict):
    """`bbox` is left, top, width, height. `ignore`: VOC's difficult, in VOC written as COCO."""

    id: Id
    image_id: Id
    category_id: Id
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)]
    area: NotRequired[float]
    iscrowd: NotRequired[Flag]
    ignore: NotRequired[Flag]


@with_config(STRICT)
class CocoCategory(TypedDict):
    id: Id
    name: Annotated[str, Field(min_length=1, max_length=200)]


@with_config(STRICT)
class CocoFile(TypedDict):
    images: Annotated[list[CocoImage], Field(min_length=1)]
    annotations: list[CocoObject]
    categories: Annotated[list[CocoCategory], Field(min_length=1)]


def read(path: Path) -> CocoFile:
    """What a file says.

    Raises:
        BadData: it is not JSON, or a field is missing or of the wrong kind; each is named.
    """
    try:
        return TypeAdapter(CocoFile).validate_json(files.content(path, MOST_BYTES))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        lines = [_line(problem) for problem in problems[:MOST_TOLD]]
        if len(problems) > MOST_TOLD:
            lines.append(f"and {len(problems) - MOST_TOLD} more")
        told = "".join(f"\n  {line}" for line in lines)
        raise BadData(
            f"data.dataset: {path} is not a COCO file of objects; correct it:{told}"
        ) from error


def _line(problem: ErrorDetails) -> str:
    """Where, what, and the value, unless it is a list or the whole file."""
    place = ".".join(str(step) for step in problem["loc"]) or "the file"
    value = problem["input"]
    is_short = isinstance(value, str | int | float | None) and problem["type"] != "missing"
    got = f"; got {str(value)[:MAX_TEXT]!r}" if is_short and problem["loc"] else ""
    return f"{place}: {problem['msg']}{got}"
