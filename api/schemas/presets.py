"""Named recipes."""

from typing import Any, Self

from pydantic import BaseModel, Field

from netaug_core.preset_catalogue import Preset, PresetInfo


class PresetSummary(BaseModel):
    """A named recipe in a list."""

    name: str
    model: str
    dataset: str
    description: str

    @classmethod
    def of(cls, preset: PresetInfo) -> Self:
        return cls(**vars(preset))


class PresetList(BaseModel):
    items: list[PresetSummary]


class PresetView(PresetSummary):
    """A named recipe, whole."""

    needs: list[str] = Field(description="Fields to add to `spec` before it can be submitted.")
    spec: dict[str, Any] = Field(description="A job's spec with every default filled in.")

    @classmethod
    def whole(cls, preset: Preset) -> Self:
        return cls(**vars(preset))
