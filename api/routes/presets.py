"""Named recipes that a spec can build on."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answers, pages, problems
from api.auth import Reader
from api.schemas.presets import PresetList, PresetSummary, PresetView
from netaug_core import preset_catalogue

router = APIRouter(prefix="/v1/presets", tags=["presets"])


@router.get("", operation_id="list_presets", response_model=PresetList, responses=answers.errors())
def list_presets(_who: Reader, _query: Annotated[pages.NoQuery, Query()]) -> Response:
    """The recipes of the paper, and those for fine-tuning. Name one in a spec's `preset`."""
    items = [PresetSummary.of(preset) for preset in preset_catalogue.catalogue()]
    return answers.answer(PresetList(items=items))


@router.get(
    "/{name:path}",
    operation_id="get_preset",
    response_model=PresetView,
    responses=answers.errors(problems.DOMAIN[preset_catalogue.UnknownPreset]),
)
def get_preset(_who: Reader, name: str, _query: Annotated[pages.NoQuery, Query()]) -> Response:
    """One recipe as a whole spec."""
    return answers.answer(PresetView.whole(preset_catalogue.find(name)))
