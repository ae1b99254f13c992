"""Who makes a request: `Authorization: Bearer nak_...`, and what that key allows."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer

from api.problems import FORBIDDEN, UNAUTHENTICATED, ApiProblem
from jobs import db, keys
from jobs.keys import Principal, Scope

REMEMBERED_S = 5.0  # a revoked key may still be used this long
MOST_REMEMBERED = 1000

BEARER = HTTPBearer(
    auto_error=False, bearerFormat="nak_...", description="An API key, made by POST /v1/keys."
)


class KeyRing:
    """Keys that were valid a moment ago, so that most requests ask the database nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[float, Principal]] = {}

    def recall(self, token: str) -> Principal | None:
        known = self._known.get(token)
        return known[1] if known and time.monotonic() - known[0] < REMEMBERED_S else None

    def look_up(self, token: str) -> Principal:
        """Ask the database.

        Raises:
            Unauthenticated: the key is not valid.
        """
        with db.writing(self._engine) as connection:
            principal = keys.authenticate(connection, token)
            keys.note_use(connection, principal.key_id)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[token] = (time.monotonic(), principal)
        return principal


def _needs(scope: Scope) -> Callable[[Request], Awaitable[Principal]]:
    async def principal(request: Request) -> Principal:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ApiProblem(
                UNAUTHENTICATED, "send the header `Authorization: Bearer nak_...` with your API key"
            )
        ring: KeyRing = request.app.state.context.keys
        found = ring.recall(token)
        if found is None:
            found = await run_in_threadpool(ring.look_up, token)
        if not found.may(scope):
            raise ApiProblem(
                FORBIDDEN, f"this needs a key of scope {scope}; ask an administrator for one"
            )
        return found

    return principal


Reader = Annotated[Principal, Depends(_needs(Scope.READ))]
Submitter = Annotated[Principal, Depends(_needs(Scope.SUBMIT))]
Admin = Annotated[Principal, Depends(_needs(Scope.ADMIN))]
