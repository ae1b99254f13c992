"""Who makes a request: `Authorization: Bearer nak_...`, and what that key allows."""

import hashlib
import time
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from api.limits import Lane, Limits
from api.problems import FORBIDDEN, UNAUTHENTICATED, ApiProblem
from jobs import db, keys
from jobs.keys import Principal, Scope

REMEMBERED_S = 5.0  # a revoked key may still be used this long
MOST_REMEMBERED = 1000


class KeyRing:
    """Keys that were valid a moment ago, so that most requests ask the database nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._use_noted: dict[str, float] = {}

    def recall(self, token: str) -> Principal | None:
        known = self._known.get(_digest(token))
        return known[1] if known and time.monotonic() - known[0] < REMEMBERED_S else None

    def look_up(self, token: str) -> Principal:
        """Ask the database.

        Raises:
            Unauthenticated: the key is not valid.
        """
        with db.reading(self._engine) as connection:
            principal = keys.authenticate(connection, token)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
            self._use_noted.clear()
        self._known[_digest(token)] = (time.monotonic(), principal)
        self._note_use(principal.key_id)
        return principal

    def _note_use(self, key_id: str) -> None:
        now = time.monotonic()
        if now - self._use_noted.get(key_id, -keys.NOTE_USE_EVERY_S) < keys.NOTE_USE_EVERY_S:
            return
        with db.writing(self._engine) as connection:
            keys.note_use(connection, key_id)
        self._use_noted[key_id] = now


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def identify(request: Request) -> Principal:
    """Who makes this request, as of now: a long stream asks again and again.

    Raises:
        ApiProblem: no key came with it.
        Unauthenticated: the key is not, or no longer, valid.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ApiProblem(
            UNAUTHENTICATED, "send the header `Authorization: Bearer nak_...` with your API key"
        )
    ring: KeyRing = request.app.state.context.keys
    known = ring.recall(token)
    return known if known is not None else await run_in_threadpool(ring.look_up, token)


class _Needs(SecurityBase):
    """A key of this scope, and a place among its tenant's requests; one dependency for both."""

    scheme_name = "HTTPBearer"
    model = HTTPBearer(bearerFormat="nak_...", description="An API key, made by POST /v1/keys.")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def __call__(self, request: Request) -> Principal:
        found = await identify(request)
        if not found.may(self._scope):
            raise ApiProblem(
                FORBIDDEN, f"this needs a key of scope {self._scope}; ask an administrator for one"
            )
        lane = Lane.READ if request.method == "GET" else Lane.WRITE
        _limits(request).enter(request.scope, found.tenant, lane)
        return found


class _NeedsToSubmit(_Needs):
    async def __call__(self, request: Request) -> Principal:
        who = await super().__call__(request)
        _limits(request).submit(who.tenant)
        return who


def _limits(request: Request) -> Limits:
    limits = request.app.state.context.limits
    assert isinstance(limits, Limits)  # noqa: S101  # set by create_app
    return limits


Reader = Annotated[Principal, Depends(_Needs(Scope.READ))]
Submitter = Annotated[Principal, Depends(_Needs(Scope.SUBMIT))]
Admin = Annotated[Principal, Depends(_Needs(Scope.ADMIN))]
JobSubmitter = Annotated[Principal, Depends(_NeedsToSubmit(Scope.SUBMIT))]
