"""What must hold after every fault test, by the database, the storage and the processes left."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import psutil
import sqlalchemy as sa

from jobs import db
from jobs.states import TRANSITIONS, AttemptOutcome, EventType, JobStatus
from jobs.tables import artifacts, attempts, checkpoints, events, jobs, metrics
from tests.faults.chain_trainer import STEP_MS, weights_after
from tests.faults.installation import Installation
from worker import staging


def check(installation: Installation) -> None:
    """End what still runs, then look at everything that is left.

    Raises:
        AssertionError: it lists every violation.
    """
    installation.until_final(*installation.acknowledged)  # I2; it fails when one never ends
    installation.stop()
    found = list(violations(installation))
    assert not found, "\n".join(found)


@contextmanager
def checked(installation: Installation) -> Iterator[Installation]:
    """Look at an installation after its test; at the end nothing of it runs."""
    try:
        yield installation
        check(installation)
    finally:
        installation.kill()


def violations(installation: Installation) -> Iterator[str]:
    """One sentence for each broken invariant. The installation's processes have been stopped."""
    with db.reading(installation.engine) as connection:
        rows = {row.id: row for row in connection.execute(sa.select(jobs))}
        yield from _all_exist(installation, rows)
        yield from _one_finish(connection, rows)
        yield from _legal_histories(connection, rows)
        yield from _metrics_without_gaps(connection, rows)
        yield from _right_artifacts(connection, installation, rows)
        yield from _stored_checkpoints(connection, installation)
    yield from _no_overlaps(installation)
    yield from _nothing_left(installation)


def _all_exist(installation: Installation, rows: dict[str, Any]) -> Iterator[str]:
    """I1."""
    for job_id in installation.acknowledged:
        if job_id not in rows:
            yield f"I1: acknowledged job {job_id} is gone"


def _one_finish(connection: sa.Connection, rows: dict[str, Any]) -> Iterator[str]:
    """I3: at most one attempt succeeded, and it is the newest."""
    succeeded = defaultdict(list)
    for row in connection.execute(
        sa.select(attempts).where(attempts.c.outcome == AttemptOutcome.SUCCEEDED)
    ):
        succeeded[row.job_id].append(row.attempt)
    for job_id, row in rows.items():
        wanted = [row.attempt] if row.status is JobStatus.SUCCEEDED else []
        if succeeded[job_id] != wanted:
            yield f"I3: job {job_id} is {row.status}, attempts that succeeded {succeeded[job_id]}"


def _legal_histories(connection: sa.Connection, rows: dict[str, Any]) -> Iterator[str]:
    """I8: events count from 1 without gaps; states follow the transition table."""
    for job_id, job in rows.items():
        history = connection.execute(
            sa.select(events).where(events.c.job_id == job_id).order_by(events.c.seq)
        ).all()
        if [event.seq for event in history] != list(range(1, job.last_event + 1)):
            yield f"I8: events of job {job_id} have gaps"
        states = [JobStatus(e.data["status"]) for e in history if e.type is EventType.STATE]
        if not states or states[0] is not JobStatus.QUEUED or states[-1] is not job.status:
            yield f"I8: job {job_id} is {job.status}, its history says {states}"
        for before, after in pairwise(states):
            if after not in TRANSITIONS[before]:
                yield f"I8: job {job_id} went from {before} to {after}"


def _metrics_without_gaps(connection: sa.Connection, rows: dict[str, Any]) -> Iterator[str]:
    """I6: each step of a job that succeeded was measured; each attempt's steps are consecutive."""
    steps: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row in connection.execute(
        sa.select(metrics.c.job_id, metrics.c.attempt, metrics.c.step)
        .where(metrics.c.key == "train_loss")
        .order_by(metrics.c.step)
    ):
        steps[row.job_id, row.attempt].append(row.step)
    measured: dict[str, set[int]] = defaultdict(set)
    for (job_id, attempt), found in steps.items():
        measured[job_id].update(found)
        if found != list(range(found[0], found[-1] + 1)):
            yield f"I6: metrics of job {job_id}, attempt {attempt} have gaps: {found}"
    for job_id, job in rows.items():
        if job.status is JobStatus.SUCCEEDED and _is_chain(job):
            missing = set(range(1, job.result["step"] + 1)) - measured[job_id]
            if missing:
                yield f"I6: job {job_id} has no metrics of steps {sorted(missing)}"


def _right_artifacts(
    connection: sa.Connection, installation: Installation, rows: dict[str, Any]
) -> Iterator[str]:
    """I7: each listed file exists with its digest, and the weights are an undisturbed run's."""
    listed = defaultdict(set)
    for row in connection.execute(sa.select(artifacts)):
        listed[row.job_id].add(row.name)
        path = installation.storage / row.storage_key
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != row.sha256:
            yield f"I7: {row.name} of job {row.job_id} is not what was stored"
        job = rows[row.job_id]
        if _is_chain(job) and row.name == "model.safetensors":
            wanted = weights_after(job.spec["training"]["seed"], job.result["step"])
            if path.read_text() != wanted:
                yield f"I7: job {row.job_id} has other weights than an undisturbed run"
    for job_id, job in rows.items():
        if (job.status is JobStatus.SUCCEEDED) != ("model.safetensors" in listed[job_id]):
            yield f"I7: job {job_id} is {job.status} and lists {sorted(listed[job_id])}"


def _is_chain(job: Any) -> bool:
    return any(tag.startswith(STEP_MS) for tag in job.tags)


def _stored_checkpoints(connection: sa.Connection, installation: Installation) -> Iterator[str]:
    for row in connection.execute(sa.select(checkpoints)):
        path = installation.storage / row.storage_key
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != row.sha256:
            yield f"I7: checkpoint {row.step} of job {row.job_id} is not what was stored"


def lifetimes(installation: Installation) -> dict[str, list[tuple[int, float, float]]]:
    """When the trainers of each job lived: attempt, first and last sign of life (boot time, s)."""
    lives: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
    for path in installation.witness.iterdir():
        job_id, _, attempt = path.name.partition(".")[0].rpartition("-")
        times = [float(line.split()[0]) for line in path.read_text().splitlines()]
        if times:
            lives[job_id].append((int(attempt), times[0], times[-1]))
    return lives


def _no_overlaps(installation: Installation) -> Iterator[str]:
    """I4: no two trainers of one job ever lived at the same time."""
    for job_id, lives in lifetimes(installation).items():
        for (before, _, last), (after, first, _) in pairwise(sorted(lives, key=lambda x: x[1])):
            if first < last:
                together = f"lived {last - first:.2f} s side by side"
                yield f"I4: attempts {before} and {after} of job {job_id} {together}"


def _nothing_left(installation: Installation) -> Iterator[str]:
    """I5: no process, no half upload, no directory that a sweep would not find, no connection."""
    mark = str(installation.directory)
    for process in psutil.process_iter(["cmdline", "status"]):
        if any(mark in part for part in process.info["cmdline"] or []):
            yield f"I5: orphan process {process.pid}: {process.info['cmdline']}"
    staging.sweep(installation.work)
    for path in installation.work.iterdir():
        yield f"I5: {path.name} was left in the work directory"
    for path in installation.storage.rglob("*#*"):
        yield f"I5: half an upload was left: {path.name}"
    connections = installation.open_connections()
    if connections:
        yield f"I5: {connections} connections to the database were left open"
