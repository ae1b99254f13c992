"""The service's calls beside the least that FastAPI can do, and beside an MLflow server.

Real processes on one Postgres with durable commits, one after the other in one run: the ratios
hold on a busy machine, the absolute times do not. Run: python -m bench.api [--seconds N]
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import ingest, load, population, record, servers, streams, verdicts
from bench.peers import mlflow_server
from bench.population import SPEC, TENANT, Crowd
from bench.servers import Server
from jobs import db, keys, schema
from jobs.keys import Scope
from jobs.states import JobStatus
from tests.servers import Postgres, serving

RESULTS = Path(__file__).parent / "results" / "api.json"
CLIENTS = (1, 16, 64)
NUM_JOBS = 1_000_000
HISTORY_STEPS = 100_000
PAGE_STEPS = 1000
SAMPLED = 1000
WARM_UP_S = 0.3
CPU_TICK_S = 1 / os.sysconf("SC_CLK_TCK")  # less is counted as none
BODY = json.dumps(SPEC).encode()
STREAM_EVENTS_PER_SECOND = 100.0


@dataclass(frozen=True)
class Prepared:
    """What the database holds before the load: a key, jobs with metrics, and many jobs."""

    url: str
    token: str
    job_id: str
    long_job_id: str
    watched: Crowd


def main() -> int:
    options = _parser().parse_args()
    servers.allow_connections(options.streams + 200)
    with serving(Postgres()) as postgres:
        results = _measure_all(postgres, options)
    record.write(options.out, "bench.api", results)
    print(_table(results))
    print(verdicts.table(results))
    return 0


def _measure_all(postgres: Postgres, options: argparse.Namespace) -> dict[str, Any]:
    prepared = _prepare(postgres, options)
    results: dict[str, Any] = {"database": postgres.version(), "jobs": options.jobs}
    with tempfile.TemporaryDirectory() as directory:
        storage = Path(directory)
        results |= _calls(prepared, storage, options)
        if options.streams:
            results["streams"] = _streams(prepared, storage, options)
        engine = db.create_engine(prepared.url)
        results["ingest"] = ingest.measure(
            prepared.url, engine, prepared.long_job_id, seconds=options.seconds
        )
        engine.dispose()
        if options.mlflow.is_dir():
            results["mlflow"] = _mlflow(postgres, storage, options)
    return results


def _calls(prepared: Prepared, storage: Path, options: argparse.Namespace) -> dict[str, Any]:
    calls: dict[str, Any] = {}
    with ExitStack() as stack:
        sides: dict[str, tuple[Server, dict[str, load.Request]]] = {
            "ours": (
                stack.enter_context(servers.ours(prepared.url, storage)),
                _our_requests(prepared),
            ),
            "floor": (stack.enter_context(servers.floor(prepared.url)), _floor_requests(prepared)),
        }
        for call, clients in itertools.product(sides["ours"][1], options.clients):
            measured = {
                name: _measure(server, requests[call], clients, options.seconds)
                for name, (server, requests) in sides.items()
            }
            measured["ours_of_floor"] = _ratios(measured["ours"], measured["floor"])
            calls[f"{call}@{clients}"] = measured
        rss = {f"{name}_rss_bytes": server.rss_bytes for name, (server, _) in sides.items()}
    return {**rss, "calls": calls}


def _streams(prepared: Prepared, storage: Path, options: argparse.Namespace) -> dict[str, Any]:
    engine = db.create_engine(prepared.url)
    limit = ("--limit-concurrency", str(options.streams + 100))
    with servers.ours(prepared.url, storage, *limit) as server:
        measured = streams.measure(
            server,
            engine,
            prepared.token,
            prepared.watched,
            rate=STREAM_EVENTS_PER_SECOND,
            seconds=max(5.0, 2 * options.seconds),
        )
    engine.dispose()
    return measured


def _mlflow(postgres: Postgres, storage: Path, options: argparse.Namespace) -> dict[str, Any]:
    url = postgres.create_database("mlflow")
    with mlflow_server.running(options.mlflow, url, storage / "mlflow") as peer:
        return {
            f"{call}@{clients}": _measure(peer.server, request, clients, options.seconds)
            for call, request in peer.requests.items()
            for clients in options.clients
        }


def _measure(server: Server, make: load.Request, clients: int, seconds: float) -> dict[str, float]:
    load.run(server.port, make, connections=clients, seconds=WARM_UP_S)
    cpu_s = server.cpu_s
    done = load.run(server.port, make, connections=clients, seconds=seconds)
    cpu_s = max(server.cpu_s - cpu_s, CPU_TICK_S)
    return {
        "requests_per_second": round(done.requests / done.seconds, 1),
        "p50_ms": round(done.percentile_ms(0.50), 2),
        "p99_ms": round(done.percentile_ms(0.99), 2),
        "cpu_ms_per_request": round(1000 * cpu_s / done.requests, 3),
    }


def _ratios(ours: dict[str, float], floor: dict[str, float]) -> dict[str, float]:
    return {
        name: round(ours[name] / floor[name], 2)
        for name in ("requests_per_second", "cpu_ms_per_request")
    }


def _our_requests(prepared: Prepared) -> dict[str, load.Request]:
    headers = {"Authorization": f"Bearer {prepared.token}"}
    sending = {**headers, "Content-Type": "application/json"}
    job, long_job = f"/v1/jobs/{prepared.job_id}", f"/v1/jobs/{prepared.long_job_id}"
    return {
        "submit": load.request("POST", "/v1/jobs", sending, itertools.repeat(BODY)),
        "get": load.request("GET", job, headers),
        "list_50": load.request("GET", "/v1/jobs?limit=50", headers),
        "history_1000": load.request("GET", f"{job}/metrics?limit={PAGE_STEPS}", headers),
        "history_100k": load.request("GET", f"{long_job}/metrics?max_points={SAMPLED}", headers),
    }


def _floor_requests(prepared: Prepared) -> dict[str, load.Request]:
    sending = {"Content-Type": "application/json"}
    return {
        "submit": load.request("POST", "/jobs", sending, itertools.repeat(BODY)),
        "get": load.request("GET", f"/jobs/{prepared.job_id}", {}),
        "list_50": load.request("GET", "/jobs", {}),
        "history_1000": load.request("GET", f"/metrics/{prepared.job_id}", {}),
        "history_100k": load.request("GET", f"/history/{prepared.long_job_id}", {}),
    }


def _prepare(postgres: Postgres, options: argparse.Namespace) -> Prepared:
    url = postgres.create_database("bench")
    engine = population.patient_engine(url)
    schema.upgrade(engine)
    watched = Crowd(TENANT, options.streams, JobStatus.RUNNING, series="c")
    with db.writing(engine) as connection:
        connection.execute(sa.text("SET statement_timeout = 0"))
        new = keys.create(connection, tenant=TENANT, name="bench", scopes=frozenset({Scope.ADMIN}))
        job_id = population.add_history(connection, PAGE_STEPS)
        long_job_id = population.add_history(connection, HISTORY_STEPS)
        template = population.submit(connection)
        population.add(connection, template, Crowd(TENANT, options.jobs))
        population.add(connection, template, watched)
        _copy_for_floor(connection)
    population.analyze(engine)
    engine.dispose()
    return Prepared(url, new.secret, job_id, long_job_id, watched)


def _copy_for_floor(connection: sa.Connection) -> None:
    connection.execute(
        sa.text(
            "CREATE TABLE floor_jobs (id text PRIMARY KEY, spec jsonb NOT NULL, "
            "created_at timestamptz NOT NULL DEFAULT now())"
        )
    )
    connection.execute(sa.text("INSERT INTO floor_jobs SELECT id, spec, created_at FROM jobs"))


def _table(results: dict[str, Any]) -> str:
    head = f"{'call@clients':18}{'req/s':>8}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>8}"
    lines = [f"{head}{'of floor':>10}{'CPU/floor':>11}"]
    for call, measured in results["calls"].items():
        ours, ratio = measured["ours"], measured["ours_of_floor"]
        lines.append(
            f"{call:18}{ours['requests_per_second']:8.0f}{ours['p50_ms']:9.2f}"
            f"{ours['p99_ms']:9.2f}{ours['cpu_ms_per_request']:8.3f}"
            f"{ratio['requests_per_second']:10.2f}{ratio['cpu_ms_per_request']:11.2f}"
        )
    lines.append(f"resident: {results['ours_rss_bytes'] / 1e6:.0f} MB")
    lines.append(f"ingest: {json.dumps(results['ingest'])}")
    lines += [f"{name}: {json.dumps(results[name])}" for name in ("streams",) if name in results]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.api", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--jobs", type=int, default=NUM_JOBS, help="in the list")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--streams", type=int, default=1000, help="0: none")
    parser.add_argument(
        "--mlflow", type=Path, default=Path("build/mlflow-venv"), help="an environment that has it"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
