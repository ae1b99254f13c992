"""The jobs whose models another job starts from or learns from. A spec names them by their ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from jobs.records import Artifact, columns
from jobs.states import JobStatus
from jobs.tables import artifacts, jobs
from netaug_core import weights

FIELDS = (weights.PRETRAINED, weights.TEACHER)
_WAITING = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True)
class Source:
    """A job that a spec names, and the field that names it."""

    field: str
    job_id: str


@dataclass(frozen=True)
class SourceModel:
    """The stored model of a source. No artifact: the job, and its model with it, is gone."""

    source: Source
    artifact: Artifact | None


def pointer(field: str) -> str:
    """The JSON pointer of a field, for example `/pretrained/weights`."""
    return "/" + field.replace(".", "/")


def of(spec: Mapping[str, Any]) -> list[Source]:
    """The jobs that a stored spec names."""
    named = []
    for name in FIELDS:
        section, _, key = name.partition(".")
        reference = (spec.get(section) or {}).get(key)
        if reference is not None and weights.is_job(reference):
            named.append(Source(name, reference))
    return named


def models(connection: sa.Connection, tenant: str, spec: Mapping[str, Any]) -> list[SourceModel]:
    """Where the models of a spec's sources are stored."""
    return [
        SourceModel(source, _model_of(connection, tenant, source.job_id)) for source in of(spec)
    ]


def _model_of(connection: sa.Connection, tenant: str, job_id: str) -> Artifact | None:
    row = connection.execute(
        sa.select(*columns(Artifact, artifacts))
        .join(jobs, jobs.c.id == artifacts.c.job_id)
        .where(
            jobs.c.id == job_id,
            jobs.c.tenant == tenant,
            artifacts.c.name == weights.MODEL_FILE,
        )
    ).one_or_none()
    return None if row is None else Artifact(**row._mapping)


def hold(connection: sa.Connection, tenant: str, spec: Mapping[str, Any]) -> list[Source]:
    """Keep a spec's sources from being deleted before this transaction ends; those that are gone.

    `waiting_for` then finds the job that this transaction queues.
    """
    named = of(spec)
    if not named:
        return []
    found = connection.scalars(
        sa.select(jobs.c.id)
        .where(
            jobs.c.id.in_([source.job_id for source in named]),
            jobs.c.tenant == tenant,
            jobs.c.status == JobStatus.SUCCEEDED,
        )
        .order_by(jobs.c.id)
        .with_for_update(read=True)
    ).all()
    return [source for source in named if source.job_id not in found]


def waiting_for(connection: sa.Connection, tenant: str, job_id: str) -> str | None:
    """A queued or running job that needs this one's model, if there is one.

    Lock the row of `job_id` first: then no new one can appear before the transaction ends.
    """
    paths = [tuple(field.split(".")) for field in FIELDS]
    named = [jobs.c.spec[path].as_string() == job_id for path in paths]
    return connection.execute(
        sa.select(jobs.c.id)
        .where(jobs.c.tenant == tenant, jobs.c.status.in_(_WAITING), sa.or_(*named))
        .limit(1)
    ).scalar()
