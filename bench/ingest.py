"""Reports of 100 points, as a supervisor sends them, beside the one statement they need."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa

from bench.population import LEASE_S
from jobs import db, lifecycle
from jobs.recording import Report
from jobs.records import MetricPoint

POINTS = 100
FLOOR = (
    "INSERT INTO metrics (job_id, attempt, key, step, epoch, value, epoch_end) "
    "SELECT %s, 1, 'floor', step, 0, value, false FROM unnest(%s::bigint[], %s::float8[]) "
    "AS points (step, value) ON CONFLICT DO NOTHING"
)
Send = Callable[[int], None]


def measure(url: str, engine: sa.Engine, job_id: str, *, seconds: float) -> dict[str, Any]:
    """Points a second over one connection: ours with the lease, the fence and a transaction."""
    with psycopg.connect(url, autocommit=True) as raw:
        floor = _rate(lambda batch: _floor(raw, job_id, batch), seconds)
    ours = _rate(lambda batch: _report(engine, job_id, batch), seconds)
    return {
        "ours": ours,
        "floor": floor,
        "ours_of_floor": round(ours["points_per_second"] / floor["points_per_second"], 2),
    }


def _report(engine: sa.Engine, job_id: str, batch: int) -> None:
    first = batch * POINTS
    points = [
        MetricPoint("train_loss", first + index, batch, 1.5 + index, epoch_end=False)
        for index in range(POINTS)
    ]
    # The history of the job has its first report already.
    news = Report(batch=batch + 1, metrics=tuple(points))
    with db.writing(engine) as connection:
        lifecycle.report(connection, job_id, 1, news, lease_seconds=LEASE_S)


def _floor(raw: "psycopg.Connection[Any]", job_id: str, batch: int) -> None:
    steps = list(range(batch * POINTS, (batch + 1) * POINTS))
    raw.execute(FLOOR, (job_id, steps, [1.5 + step for step in steps]))


def _rate(send: Send, seconds: float) -> dict[str, float]:
    began, cpu = time.perf_counter(), time.process_time()
    for batch in itertools.count(10_000):  # beyond the steps of any history
        send(batch)
        took = time.perf_counter() - began
        if took >= seconds:
            break
    points = (batch - 10_000 + 1) * POINTS
    return {
        "points_per_second": round(points / took),
        "client_cpu_us_per_point": round(1e6 * (time.process_time() - cpu) / points, 1),
    }
