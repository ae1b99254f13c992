"""API keys: 256 random bits, of which only the SHA-256 is stored."""

import enum
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from jobs import tenants
from jobs.dialect import now_plus
from jobs.errors import KeyNotFound, Unauthenticated
from jobs.ids import new_id
from jobs.records import ApiKey, columns
from jobs.tables import api_keys

PREFIX = "nak_"
SECRET_BYTES = 32
WELL_FORMED = re.compile(r"nak_[A-Za-z0-9_-]{43}")
NOTE_USE_EVERY_S = 60.0


class Scope(enum.StrEnum):
    READ = "read"  # see jobs, events, metrics, logs; download
    SUBMIT = "submit"  # read, and create, cancel, stop, retry, delete jobs
    ADMIN = "admin"  # submit, and manage keys

    def includes(self, other: "Scope") -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Principal:
    """Who makes a request."""

    key_id: str
    tenant: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        return any(held.includes(scope) for held in self.scopes)


@dataclass(frozen=True)
class NewKey:
    """A key just made. `secret` is shown once and kept nowhere."""

    key: ApiKey
    secret: str


def create(
    connection: sa.Connection,
    *,
    tenant: str,
    name: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None = None,
    secret: str | None = None,
) -> NewKey:
    """Make a key. `secret` may be given by an installer that must know it beforehand."""
    token = secret or PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    if WELL_FORMED.fullmatch(token) is None:
        raise ValueError(f"a key is {PREFIX!r} and 43 URL-safe characters (256 bits)")
    tenants.ensure(connection, tenant)
    row = connection.execute(
        sa.insert(api_keys)
        .values(
            id=new_id("key"),
            tenant=tenant,
            name=name,
            sha256=_digest(token),
            scopes=sorted(scopes),
            created_at=now_plus(),
            expires_at=expires_at,
        )
        .returning(*columns(ApiKey, api_keys))
    ).one()
    return NewKey(ApiKey(**row._mapping), token)


def authenticate(connection: sa.Connection, token: str) -> Principal:
    """Who holds this key.

    Raises:
        Unauthenticated: it is malformed, unknown, revoked or expired; which, is not told.
    """
    if WELL_FORMED.fullmatch(token) is None:
        raise Unauthenticated("the API key is not valid; send `Authorization: Bearer nak_...`")
    row = connection.execute(
        sa.select(api_keys.c.id, api_keys.c.tenant, api_keys.c.scopes).where(
            api_keys.c.sha256 == _digest(token),
            api_keys.c.revoked_at.is_(None),
            sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now_plus()),
        )
    ).one_or_none()
    if row is None:
        raise Unauthenticated("the API key is not valid; an administrator can make a new one")
    return Principal(row.id, row.tenant, frozenset(Scope(scope) for scope in row.scopes))


def note_use(connection: sa.Connection, key_id: str) -> None:
    """Keep when the key was last used, to the minute."""
    connection.execute(
        sa.update(api_keys)
        .where(
            api_keys.c.id == key_id,
            sa.or_(
                api_keys.c.last_used_at.is_(None),
                api_keys.c.last_used_at < now_plus(-NOTE_USE_EVERY_S),
            ),
        )
        .values(last_used_at=now_plus())
    )


def list_keys(connection: sa.Connection, tenant: str) -> list[ApiKey]:
    """A tenant's keys, the newest first; without their secrets."""
    rows = connection.execute(
        sa.select(*columns(ApiKey, api_keys))
        .where(api_keys.c.tenant == tenant)
        .order_by(api_keys.c.id.desc())
    )
    return [ApiKey(**row._mapping) for row in rows]


def revoke(connection: sa.Connection, tenant: str, key_id: str) -> ApiKey:
    """End a key's validity. Revoking twice keeps the first time.

    Raises:
        KeyNotFound: the tenant has no such key.
    """
    row = connection.execute(
        sa.update(api_keys)
        .where(api_keys.c.id == key_id, api_keys.c.tenant == tenant)
        .values(revoked_at=sa.func.coalesce(api_keys.c.revoked_at, now_plus()))
        .returning(*columns(ApiKey, api_keys))
    ).one_or_none()
    if row is None:
        raise KeyNotFound(f"there is no API key {key_id!r}; `GET /v1/keys` lists yours")
    return ApiKey(**row._mapping)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
