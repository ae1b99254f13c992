"""A big installation on one Postgres: leases, claims, metrics of workers that train nothing.

Full load: 10,000 leases renewed every ten seconds, each time with ten metric points (1,000 reports
a second), and 100 jobs a second submitted, claimed and ended, among a million. What comes late for
this machine is told. A real dispatcher runs. Run: python -m bench.scale --minutes 10
"""

import argparse
import itertools
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from bench import population, record, tables_under_load
from bench.dispatch import environment, running
from bench.population import TENANT, Crowd
from bench.servers import cpu_s, postgres_cpu_s
from jobs import db, endings, lifecycle, schema
from jobs.recording import Report
from jobs.records import MetricPoint
from jobs.states import AttemptOutcome, JobStatus
from jobs.tables import attempts
from tests.servers import Postgres, Redis, serving

RESULTS = Path(__file__).parent / "results" / "scale.json"
NUM_JOBS = 1_000_000
NUM_LEASES = 10_000
RENEW_EVERY_S = 10.0
LEASE_S = 60.0
POINTS = 10
CLAIMS_PER_SECOND = 100.0
ABANDON_EVERY = 100  # of so many claims one is never heard of again
ABANDONED_LEASE_S = 2.0
ABANDONED = "abandoned"
LEASED = Crowd(TENANT, NUM_LEASES, JobStatus.RUNNING, series="ea5ed")


@dataclass(frozen=True)
class Share:
    """What one client process does: an action, so often, over this part of the leases."""

    url: str
    kind: str
    rate: float
    seconds: float
    index: int
    count: int
    leases: int


@dataclass(frozen=True)
class Done:
    """What came of it."""

    kind: str
    actions: int
    latencies_s: list[float]
    cpu_s: float


def main() -> int:
    options = _parser().parse_args()
    with ExitStack() as stack:
        postgres = stack.enter_context(serving(Postgres()))
        redis = stack.enter_context(serving(Redis()))
        url = postgres.create_database("bench")
        engine = population.patient_engine(url)
        stack.callback(engine.dispose)
        _prepare(engine, options)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dispatcher = stack.enter_context(
            running("worker.dispatcher", environment(url, redis.url, directory))
        )
        postmaster = int(Path(postgres.data, "postmaster.pid").read_text().split()[0])
        results = _run(engine, url, dispatcher, postmaster, options)
        results["database"] = postgres.version()
    record.write(options.out, "bench.scale", results)
    print(json.dumps({name: results[name] for name in results if name != "plans"}, indent=1))
    print("\n".join(f"{name}: {plan}" for name, plan in results["plans"].items()))
    return 0


def _prepare(engine: sa.Engine, options: argparse.Namespace) -> None:
    schema.upgrade(engine)
    with db.writing(engine) as connection:
        connection.execute(sa.text("SET statement_timeout = 0"))
        template = population.submit(connection)
        population.add(connection, template, Crowd(TENANT, options.jobs))
        leased = Crowd(TENANT, int(NUM_LEASES * options.load), JobStatus.RUNNING, LEASED.series)
        population.add(connection, template, leased)
    population.analyze(engine)


def _run(
    engine: sa.Engine,
    url: str,
    dispatcher: psutil.Process,
    postmaster: int,
    options: argparse.Namespace,
) -> dict[str, Any]:
    before = tables_under_load.sizes(engine)
    cpu_before = postgres_cpu_s(postmaster), cpu_s(dispatcher)
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(2 * options.processes) as pool:
        done = pool.map(_work, list(_shares(url, options)), chunksize=1)
    took = time.monotonic() - began
    cpu_after = postgres_cpu_s(postmaster), cpu_s(dispatcher)
    cores = {
        "postgres": (cpu_after[0] - cpu_before[0]) / took,
        "dispatcher": (cpu_after[1] - cpu_before[1]) / took,
        "clients": sum(one.cpu_s for one in done) / took,
    }
    return {
        "load": options.load,
        "minutes": options.minutes,
        "actions": {kind: _summary(done, kind, options) for kind in ("report", "claim")},
        "busy_cores": {name: round(value, 2) for name, value in cores.items()},
        "cpus": psutil.cpu_count(),
        "commit_ms": tables_under_load.commit_ms(engine),
        "expired_leases": _lag(engine),
        "tables": tables_under_load.growth(before, tables_under_load.sizes(engine)),
        "plans": tables_under_load.plans(engine, LEASED.id_of(1), TENANT),
    }


def _shares(url: str, options: argparse.Namespace) -> list[Share]:
    seconds, count = 60.0 * options.minutes, options.processes
    leases = int(NUM_LEASES * options.load)
    rates = {"report": leases / RENEW_EVERY_S, "claim": CLAIMS_PER_SECOND * options.load}
    return [
        Share(url, kind, rate / count, seconds, index, count, leases)
        for kind, rate in rates.items()
        for index in range(count)
    ]


def _work(share: Share) -> Done:
    engine = db.create_engine(share.url, pool_size=1)
    act = _reports(engine, share) if share.kind == "report" else _lives(engine)
    latencies: list[float] = []
    cpu, began = time.process_time(), time.monotonic()
    for index in itertools.count():
        due = began + index / share.rate
        time.sleep(max(0.0, due - time.monotonic()))
        if time.monotonic() >= began + share.seconds:
            break
        sent = time.perf_counter()
        act(index)
        latencies.append(time.perf_counter() - sent)
    engine.dispose()
    return Done(share.kind, len(latencies), latencies, time.process_time() - cpu)


def _reports(engine: sa.Engine, share: Share) -> Callable[[int], None]:
    """The leases of this process, one after the other."""
    mine = range(share.index + 1, share.leases + 1, share.count)

    def report(index: int) -> None:
        batch, which = divmod(index, len(mine))
        points = tuple(
            MetricPoint("train_loss", batch * POINTS + point, 0, 1.5, epoch_end=False)
            for point in range(POINTS)
        )
        news = Report(batch=batch + 1, metrics=points, last_step=batch * POINTS)
        with db.writing(engine) as connection:
            job_id = LEASED.id_of(mine[which])
            lifecycle.report(connection, job_id, 1, news, lease_seconds=LEASE_S)

    return report


def _lives(engine: sa.Engine) -> Callable[[int], None]:
    """Submit a job, claim the oldest one, end it; a few claims are abandoned."""

    def live(index: int) -> None:
        abandons = index % ABANDON_EVERY == 0
        with db.writing(engine) as connection:
            population.submit(connection)
        with db.writing(engine) as connection:
            claim = lifecycle.claim(
                connection,
                worker=ABANDONED if abandons else "bench",
                gpus=0,
                lease_seconds=ABANDONED_LEASE_S if abandons else LEASE_S,
            )
        if claim is not None and not abandons:
            with db.writing(engine) as connection:
                job = claim.job
                endings.succeed(connection, job.id, job.attempt, result={}, stored=[])

    return live


def _summary(done: list[Done], kind: str, options: argparse.Namespace) -> dict[str, float]:
    latencies = sorted(itertools.chain(*(one.latencies_s for one in done if one.kind == kind)))
    full = NUM_LEASES / RENEW_EVERY_S if kind == "report" else CLAIMS_PER_SECOND
    return {
        "wanted_per_second": full * options.load,
        "per_second": round(len(latencies) / (60 * options.minutes), 1),
        "p50_ms": round(1000 * latencies[len(latencies) // 2], 2),
        "p99_ms": round(1000 * latencies[int(0.99 * len(latencies))], 2),
    }


def _lag(engine: sa.Engine) -> dict[str, float]:
    """How long after the end of its lease an abandoned attempt was found."""
    rows = sa.select(attempts.c.started_at, attempts.c.ended_at).where(
        attempts.c.worker == ABANDONED, attempts.c.outcome == AttemptOutcome.LOST
    )
    with db.reading(engine) as connection:
        lags = sorted(
            (row.ended_at - row.started_at).total_seconds() - ABANDONED_LEASE_S
            for row in connection.execute(rows)
        )
    if not lags:
        return {"found": 0}
    return {
        "found": len(lags),
        "p50_s": round(lags[len(lags) // 2], 2),
        "worst_s": round(lags[-1], 2),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--load", type=float, default=1.0, help="part of the full load")
    parser.add_argument("--jobs", type=int, default=NUM_JOBS)
    parser.add_argument("--processes", type=int, default=4, help="of each kind")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
