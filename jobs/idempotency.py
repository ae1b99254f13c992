"""One answer for one Idempotency-Key (IETF draft-ietf-httpapi-idempotency-key-header-07)."""

from dataclasses import dataclass

import sqlalchemy as sa

from jobs.dialect import insert_new, now_plus
from jobs.errors import IdempotencyMismatch
from jobs.tables import idempotency_keys

KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class IdempotencyKey:
    """A client's key for one submit, and the SHA-256 of the body it came with."""

    key: str
    body_sha256: str


def reserve(
    connection: sa.Connection, tenant: str, idempotency: IdempotencyKey, job_id: str
) -> str | None:
    """Bind the key to `job_id`, in the transaction that stores the job.

    Returns:
        None, or the id of the job that an earlier submit with this key made.

    Raises:
        IdempotencyMismatch: the earlier submit had another body.
    """
    inserted = connection.execute(
        insert_new(connection, idempotency_keys)
        .values(
            tenant=tenant,
            key=idempotency.key,
            body_sha256=idempotency.body_sha256,
            job_id=job_id,
            created_at=now_plus(),
        )
        .returning(idempotency_keys.c.key)  # psycopg tells no row count of this INSERT
    ).one_or_none()
    if inserted is not None:
        return None
    earlier = connection.execute(
        sa.select(idempotency_keys.c.body_sha256, idempotency_keys.c.job_id).where(
            idempotency_keys.c.tenant == tenant, idempotency_keys.c.key == idempotency.key
        )
    ).one()
    if earlier.body_sha256 != idempotency.body_sha256:
        raise IdempotencyMismatch(
            f"Idempotency-Key {idempotency.key!r} was used for job {earlier.job_id} with another "
            "body; send a new key for a new job"
        )
    return str(earlier.job_id)


def sweep(connection: sa.Connection) -> int:
    """Forget keys older than a day; how many there were."""
    return connection.execute(
        sa.delete(idempotency_keys).where(idempotency_keys.c.created_at < now_plus(-KEPT_SECONDS))
    ).rowcount
