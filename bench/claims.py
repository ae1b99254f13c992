"""Claims a second, by queued jobs and claimers: one big tenant beside a thousand tiny ones.

    python -m bench.claims [--jobs 1000 100000 1000000] [--claimers 1 4] [--seconds 5]

On the Postgres of tests/servers.py. Each claimer is a process; a claim is the worker's own call
and its commit. Every tenth job is given back at once, as by a worker that shuts down.
"""

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import record
from jobs import db, endings, lifecycle, schema, tenants
from tests.builders import queue_many
from tests.servers import Postgres, serving

TINY_TENANTS = 1000
LEASE_S = 3600.0
SPREAD = "UPDATE jobs SET tenant = 'tiny' || right(id, 4) WHERE tenant = 'tiny'"
KNOWN = """
INSERT INTO tenants (name, waiting) SELECT DISTINCT tenant, true FROM jobs WHERE tenant <> 'big'
"""
RELEASED_EVERY = 10


def main() -> int:
    options = _options()
    with serving(Postgres()) as server:
        rows = [
            row
            for queued in options.jobs
            for row in _measure(server, queued, options.claimers, options.seconds)
        ]
        results = {"database": server.version(), "rows": rows}
    _print(rows)
    if options.out:
        record.write(options.out, "bench.claims", results)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000, 100_000, 1_000_000])
    parser.add_argument("--claimers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def _measure(
    server: Postgres, queued: int, claimers: list[int], seconds: float
) -> Iterator[dict[str, Any]]:
    """One database, which the claimers of each count use one after the other."""
    name = f"claims_{queued}"
    url = server.create_database(name)
    engine = db.create_engine(url)
    schema.upgrade(engine)
    _fill(engine, queued)
    engine.dispose()
    for count in claimers:
        times = _run(url, count, seconds)
        taken = sorted(took for _, took in times)
        yield {
            "queued": queued,
            "claimers": count,
            "claims_per_second": round(len(taken) / seconds, 1),
            "p50_ms": round(1000 * statistics.median(taken), 2),
            "p99_ms": round(1000 * taken[int(len(taken) * 0.99)], 2),
            "tenants_served": len({tenant for tenant, _ in times}),
        }
    server.drop_database(name)


def _fill(engine: sa.Engine, queued: int) -> None:
    with db.writing(engine) as connection:
        connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
        queue_many(connection, "big", queued)
        queue_many(connection, "tiny", TINY_TENANTS)
        connection.execute(sa.text(SPREAD))
        connection.execute(sa.text(KNOWN))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("SET statement_timeout = 0"))
        connection.execute(sa.text("VACUUM ANALYZE"))


def _claim_for(url: str, start: Barrier, seconds: float, results: Any) -> None:
    engine = db.create_engine(url, pool_size=1)
    with db.reading(engine) as connection:
        tenants.get(connection, "big")  # connected before the clock starts
    times: list[tuple[str, float]] = []
    start.wait()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        with db.writing(engine) as connection:
            claim = lifecycle.claim(connection, worker="w", gpus=0, lease_seconds=LEASE_S)
        if claim is None:
            break
        times.append((claim.job.tenant, time.perf_counter() - began))
        if len(times) % RELEASED_EVERY == 0:
            with db.writing(engine) as connection:
                endings.release(connection, claim.job.id, claim.job.attempt)
    results.put(times)
    engine.dispose()


def _run(url: str, claimers: int, seconds: float) -> list[tuple[str, float]]:
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(claimers), context.Queue()
    processes = [
        context.Process(target=_claim_for, args=(url, start, seconds, results))
        for _ in range(claimers)
    ]
    for process in processes:
        process.start()
    times = [one for _ in processes for one in results.get()]
    for process in processes:
        process.join()
    return times


def _print(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    sys.exit(main())
