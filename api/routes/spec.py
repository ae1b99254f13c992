"""The job spec's JSON schema."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api import answers, pages
from api.auth import Reader
from netaug_core.spec import JobSpec

router = APIRouter(prefix="/v1/spec", tags=["spec"])


@router.get(
    "/schema",
    operation_id="get_spec_schema",
    response_model=None,
    responses={200: {"description": "JSON Schema, draft 2020-12."}, **answers.errors()},
)
def get_spec_schema(_who: Reader, _query: Annotated[pages.NoQuery, Query()]) -> dict[str, Any]:
    """What `POST /v1/jobs` takes: for forms, editors and checks."""
    return JobSpec.model_json_schema()
