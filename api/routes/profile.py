"""What a network takes on a device, told without a job."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answers, pages, problems
from api.auth import Reader
from api.body import JsonBody
from api.context import Shared
from api.routes.jobs import SPEC_BODY
from api.schemas.deployment import ProfileView
from jobs import admission, errors
from netaug_core.spec import JobSpec

router = APIRouter(prefix="/v1/profile", tags=["boards"])


@router.post(
    "",
    operation_id="profile_spec",
    response_model=ProfileView,
    openapi_extra=SPEC_BODY,
    responses=answers.errors(
        problems.MALFORMED,
        problems.TOO_LARGE,
        problems.MEDIA,
        problems.DOMAIN[errors.SpecRefused],
    ),
)
def profile_spec(
    context: Shared, _who: Reader, body: JsonBody, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """Parameters, MACs, flash and memory of a spec's network, layer by layer; nothing is stored.

    With a `target`, also whether it fits, and what would make it fit: enforced or not.
    """
    spec = JobSpec.model_validate_json(body)
    report = admission.report(spec, context.settings.data_roots)
    return answers.answer(ProfileView.of(report))
