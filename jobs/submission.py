"""Submitting a job: the row, its first event and its doorbell, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from jobs import admission, dependencies, idempotency, new_jobs, queries, sources, tenants
from jobs.admission import Admission
from jobs.errors import Refusal, SpecRefused
from jobs.idempotency import IdempotencyKey
from jobs.ids import new_id
from jobs.records import Job, Json
from netaug_core.spec import JobSpec


@dataclass(frozen=True)
class Submitted:
    """The stored job. `replayed`: an earlier submit with the same key had made it."""

    job: Job
    replayed: bool


def submit(
    connection: sa.Connection,
    spec: JobSpec,
    data_roots: Sequence[Path],
    *,
    tenant: str,
    idempotency_key: IdempotencyKey | None = None,
) -> Submitted:
    """Admit a spec, and store its job with its first event and its doorbell.

    The key comes first: a submit that is sent again is answered although the spec, which was
    accepted once, would be refused by now.

    Raises:
        IdempotencyMismatch: the key was used with another body.
        JobNotFound: the key's job has been deleted.
        SpecRefused: this installation cannot run it.
        QueueFull, QuotaSpent: the tenant may not queue this job.
    """
    job_id = new_id("job")
    if idempotency_key is not None:
        earlier = idempotency.reserve(connection, tenant, idempotency_key, job_id)
        if earlier is not None:
            return Submitted(queries.get_job(connection, tenant, earlier), replayed=True)
    admitted = admission.admit(connection, spec, data_roots, tenant=tenant)
    tenants.check_room(connection, tenant, spec.resources.gpus)
    job = _insert(connection, job_id, spec, admitted, tenant)
    return Submitted(job, replayed=False)


def _insert(
    connection: sa.Connection, job_id: str, spec: JobSpec, admitted: Admission, tenant: str
) -> Job:
    tags = sorted(set(spec.tags))
    document = spec.model_dump(mode="json")
    _hold_sources(connection, tenant, document)
    needed = dependencies.hold(connection, tenant, spec.resources.after)
    if needed.refusals:
        raise SpecRefused(needed.refusals)
    values = {
        "id": job_id,
        "tenant": tenant,
        "name": spec.name,
        "tags": tags,
        "spec": document,
        "cost": admitted.cost_facts(),
        "dataset": spec.data.dataset,
        "dataset_digest": admitted.dataset.digest,
        "max_attempts": spec.resources.max_attempts,
        "priority": spec.resources.priority,
        "gpus": spec.resources.gpus,
    }
    return new_jobs.store(connection, values, needed.unmet)


def _hold_sources(connection: sa.Connection, tenant: str, document: Json) -> None:
    gone = sources.hold(connection, tenant, document)
    if gone:
        raise SpecRefused(
            [
                Refusal(sources.pointer(one.field), f"{one.field}: there is no job {one.job_id}")
                for one in gone
            ]
        )
