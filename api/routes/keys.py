"""API keys of the caller's tenant."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api import answers, pages, problems
from api.auth import Admin
from api.body import JsonBody
from api.context import Shared
from api.schemas.keys import KeyList, KeyRequest, KeyView, NewKeyView
from api.words import KeyId
from jobs import db, errors, keys

router = APIRouter(prefix="/v1/keys", tags=["keys"])

KEY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/KeyRequest"},
                "example": {"name": "laptop", "scope": "submit"},
            }
        },
    }
}


@router.post(
    "",
    operation_id="create_key",
    status_code=201,
    response_model=NewKeyView,
    openapi_extra=KEY_BODY,
    responses=answers.errors(problems.MALFORMED, problems.TOO_LARGE, problems.MEDIA),
)
def create_key(
    context: Shared, who: Admin, body: JsonBody, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """Make a key. Its secret is in this answer only."""
    wanted = KeyRequest.model_validate_json(body)
    with db.writing(context.engine) as connection:
        new = keys.create(
            connection,
            tenant=who.tenant,
            name=wanted.name,
            scopes=frozenset({wanted.scope}),
            expires_at=wanted.expires_at,
        )
    return answers.answer(NewKeyView.made(new), 201, {"Location": f"/v1/keys/{new.key.id}"})


@router.get("", operation_id="list_keys", response_model=KeyList, responses=answers.errors())
def list_keys(context: Shared, who: Admin, _query: Annotated[pages.NoQuery, Query()]) -> Response:
    """All keys, revoked ones too; without secrets."""
    with db.reading(context.engine) as connection:
        found = keys.list_keys(connection, who.tenant)
    return answers.answer(KeyList(items=[KeyView.of(key) for key in found]))


@router.delete(
    "/{key_id}",
    operation_id="revoke_key",
    status_code=204,
    responses=answers.errors(problems.DOMAIN[errors.KeyNotFound]),
)
def revoke_key(
    context: Shared, who: Admin, key_id: KeyId, _query: Annotated[pages.NoQuery, Query()]
) -> Response:
    """End a key's validity, within five seconds."""
    with db.writing(context.engine) as connection:
        keys.revoke(connection, who.tenant, key_id)
    return Response(status_code=204)
