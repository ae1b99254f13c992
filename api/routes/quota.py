"""What the caller's tenant may use, and what it uses."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answers, pages
from api.auth import Reader
from api.context import Shared
from api.schemas.quota import QuotaView
from jobs import db, tenants

router = APIRouter(prefix="/v1/quota", tags=["quota"])


@router.get("", operation_id="get_quota", response_model=QuotaView, responses=answers.errors())
def get_quota(context: Shared, who: Reader, _query: Annotated[pages.NoQuery, Query()]) -> Response:
    """Your tenant's quotas and use. The operator sets them with `python -m jobs set-quota`."""
    with db.reading(context.engine) as connection:
        tenant = tenants.get(connection, who.tenant)
        most = max(tenants.COUNTED_QUEUED, tenant.max_queued or 0)
        queued = tenants.queued(connection, who.tenant, most)
    return answers.answer(QuotaView.of(tenant, queued))
