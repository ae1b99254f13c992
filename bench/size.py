"""What calls cost among a thousand and a million jobs, and for tenants of all sizes.

Direct calls in this process on a Postgres of its own. Run: python -m bench.size
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import population, record
from bench.population import TENANT, Crowd
from jobs import db, endings, lifecycle, outbox, outlook, queries, schema
from jobs.queries import JobFilter
from jobs.states import JobStatus
from tests.servers import Postgres, serving

RESULTS = Path(__file__).parent / "results" / "size.json"
SIZES = (1_000, 100_000, 1_000_000)
MOST_GROWTH = 1.5
TINY_TENANTS = 1000
TINY_JOBS = 5
SHARES = {JobStatus.SUCCEEDED: 0.89, JobStatus.QUEUED: 0.1, JobStatus.RUNNING: 0.01}
Call = Callable[[sa.Engine], None]


def main() -> int:
    options = _parser().parse_args()
    with serving(Postgres()) as postgres:
        results = _measure_all(postgres, options)
    record.write(options.out, "bench.size", results)
    print(_table(results["milliseconds"]))
    return 0


def _measure_all(postgres: Postgres, options: argparse.Namespace) -> dict[str, Any]:
    url = postgres.create_database("bench")
    engine = population.patient_engine(url)
    schema.upgrade(engine)
    with db.writing(engine) as connection:
        template = population.submit(connection)
        for number in range(TINY_TENANTS):
            tiny = Crowd(f"tiny-{number}", TINY_JOBS, series=f"d{number:04x}")
            population.add(connection, template, tiny)
    milliseconds: dict[str, dict[str, float]] = {}
    before = 0
    for index, size in enumerate(options.sizes):
        _grow(engine, template, before, size, f"{index}")
        before = size
        for name, call in (_calls(template) | _period(url)).items():
            milliseconds.setdefault(name, {})[str(size)] = _median_ms(engine, call, options.repeats)
    engine.dispose()
    return {"database": postgres.version(), "milliseconds": milliseconds}


def _grow(engine: sa.Engine, template: str, before: int, size: int, series: str) -> None:
    with db.writing(engine) as connection:
        connection.execute(sa.text("SET statement_timeout = 0"))
        for status, share in SHARES.items():
            crowd = Crowd(TENANT, int(share * (size - before)), status, f"{series}{status[0]}")
            population.add(connection, template, crowd)
    population.analyze(engine)


def _calls(template: str) -> dict[str, Call]:
    middle = Crowd(TENANT, 1, series="0s").id_of(100)
    succeeded = JobFilter(statuses=(JobStatus.SUCCEEDED,))

    def page(tenant: str, wanted: JobFilter) -> Call:
        return lambda engine: _list(engine, tenant, wanted)

    return {
        "list, newest 50": page(TENANT, JobFilter()),
        "list, from the middle": page(TENANT, JobFilter(before=middle)),
        "list, succeeded": page(TENANT, succeeded),
        "list of a tiny tenant": page("tiny-500", JobFilter()),
        "get, succeeded": lambda engine: _get(engine, middle),
        "get, queued": lambda engine: _get(engine, template),
        "claim": _claim,
    }


def _list(engine: sa.Engine, tenant: str, wanted: JobFilter) -> None:
    with db.reading(engine) as connection:
        queries.list_jobs(connection, tenant, wanted)


def _get(engine: sa.Engine, job_id: str) -> None:
    with db.reading(engine) as connection:
        job = queries.get_job(connection, TENANT, job_id)
        outlook.of(connection, job)


def _claim(engine: sa.Engine) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        claim = lifecycle.claim(connection, worker="bench", gpus=0, lease_seconds=60.0)
        assert claim is not None  # noqa: S101  # a tenth of the jobs is queued
        transaction.rollback()  # so that as many stay queued


def _period(url: str) -> dict[str, Call]:
    """The dispatcher's parts: what it asks each second."""

    def rolled_back(ask: Callable[[sa.Connection], object]) -> Call:
        def call(engine: sa.Engine) -> None:
            with engine.connect() as connection, connection.begin() as transaction:
                ask(connection)
                transaction.rollback()

        return call

    dispatcher = _dispatcher(url)
    return {
        "dispatcher: its period": lambda _: dispatcher.reconcile(),
        "dispatcher: leases": rolled_back(endings.expire_leases),
        "dispatcher: silent jobs": rolled_back(lambda c: outbox.ring_silent(c, limit=1)),
        "dispatcher: outbox": rolled_back(lambda c: outbox.pending(c, 100)),
        "operator: jobs by status": rolled_back(queries.count_by_status),
    }


def _dispatcher(url: str) -> Any:
    os.environ |= {
        "NETAUG_DATABASE_URL": url,
        "NETAUG_STORAGE_URL": Path(tempfile.gettempdir(), "netaug-bench").as_uri(),
        "NETAUG_BROKER_URL": "redis://127.0.0.1:1/0",  # its period asks the broker nothing
    }
    from worker.dispatcher import Dispatcher, settings

    return Dispatcher(settings())


def _median_ms(engine: sa.Engine, call: Call, repeats: int) -> float:
    call(engine)
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        call(engine)
        took.append(time.perf_counter() - began)
    return round(1000 * statistics.median(took), 3)


def _table(milliseconds: dict[str, dict[str, float]]) -> str:
    sizes = list(next(iter(milliseconds.values())))
    lines = [f"{'ms at the median, jobs:':28}" + "".join(f"{size:>11}" for size in sizes)]
    for name, at in milliseconds.items():
        growth = at[sizes[-1]] / at[sizes[0]]
        numbers = "".join(f"{value:11.2f}" for value in at.values())
        verdict = "reached" if growth <= MOST_GROWTH else "missed"
        lines.append(f"{name:28}{numbers}{growth:9.2f}x <= {MOST_GROWTH} {verdict}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.size", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
