"""What the sections of a spec are made of: the field types, and what a section is."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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


class Section(BaseModel):
    """A part of a spec: immutable, and a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
