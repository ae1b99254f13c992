"""Requests a second, latency and server CPU of the API, beside the least that FastAPI can do.

Both servers are real processes on one Postgres with durable commits, and take turns: the ratios
hold on a busy machine, the absolute times do not. Run: python -m bench.api [--seconds N]
"""

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from bench import load
from jobs import admission, db, keys, lifecycle, schema, submission
from jobs.keys import Scope
from jobs.recording import Report
from jobs.records import MetricPoint
from netaug_core.spec import JobSpec
from tests.servers import Postgres, free_port

RESULTS = Path(__file__).parent / "results" / "api.json"
TENANT = "bench"
CONNECTIONS = (1, 16)
NUM_JOBS = 1000
NUM_POINTS = 1000
WARM_UP_S = 0.3
START_S = 30.0
MAX_SUBMIT_CPU_MS = 3.0
SPEC: dict[str, Any] = {
    "name": "bench",
    "model": {"name": "mobilenet_v2", "width": 0.35, "input_size": 28, "stem_stride": 1},
    "data": {"dataset": "digits", "batch_size": 64},
    "training": {"epochs": 12, "warmup_epochs": 1, "learning_rate": 0.1},
}
BODY = json.dumps(SPEC).encode()


@dataclass(frozen=True)
class Server:
    process: psutil.Process
    port: int

    @property
    def cpu_s(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


@dataclass(frozen=True)
class Prepared:
    """What the database holds before the load: a key, a job with metrics, and many jobs."""

    token: str
    job_id: str


def main() -> int:
    options = _parser().parse_args()
    postgres = Postgres()
    postgres.start()
    try:
        results = _measure_all(postgres, options.seconds)
    finally:
        postgres.remove()
    document = {
        "command": " ".join(["python -m bench.api", *sys.argv[1:]]),
        "machine": _machine(),
        **results,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(_table(results))
    submit_cpu_ms = max(
        results["calls"][f"submit@{count}"]["ours"]["cpu_ms_per_request"] for count in CONNECTIONS
    )
    print(f"a submit costs at most {submit_cpu_ms} ms of CPU (target: {MAX_SUBMIT_CPU_MS})")
    return int(submit_cpu_ms > MAX_SUBMIT_CPU_MS)


def _measure_all(postgres: Postgres, seconds: float) -> dict[str, Any]:
    url = postgres.create_database("bench")
    prepared = _prepare(url)
    calls: dict[str, Any] = {}
    with _ours(url) as ours, _floor(url) as floor:
        servers = {"ours": ours, "floor": floor}
        requests = {"ours": _our_requests(prepared), "floor": _floor_requests(prepared)}
        for call, connections in itertools.product(requests["ours"], CONNECTIONS):
            measured = {
                name: _measure(servers[name], requests[name][call], connections, seconds)
                for name in servers
            }
            measured["ours_of_floor"] = _ratios(measured["ours"], measured["floor"])
            calls[f"{call}@{connections}"] = measured
        resident = {f"{name}_rss_bytes": s.process.memory_info().rss for name, s in servers.items()}
    return {"database": postgres.version(), **resident, "calls": calls}


def _measure(
    server: Server, make: load.Request, connections: int, seconds: float
) -> dict[str, float]:
    load.run(server.port, make, connections=connections, seconds=WARM_UP_S)
    cpu_s = server.cpu_s
    done = load.run(server.port, make, connections=connections, seconds=seconds)
    cpu_s = server.cpu_s - cpu_s
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
    job = f"/v1/jobs/{prepared.job_id}"
    return {
        "submit": load.request("POST", "/v1/jobs", sending, itertools.repeat(BODY)),
        "get": load.request("GET", job, headers),
        "list_50": load.request("GET", "/v1/jobs?limit=50", headers),
        "metrics_1000": load.request("GET", f"{job}/metrics", headers),
    }


def _floor_requests(prepared: Prepared) -> dict[str, load.Request]:
    sending = {"Content-Type": "application/json"}
    return {
        "submit": load.request("POST", "/jobs", sending, itertools.repeat(BODY)),
        "get": load.request("GET", f"/jobs/{prepared.job_id}", {}),
        "list_50": load.request("GET", "/jobs", {}),
        "metrics_1000": load.request("GET", f"/metrics/{prepared.job_id}", {}),
    }


def _prepare(url: str) -> Prepared:
    engine = db.create_engine(url)
    schema.upgrade(engine)
    with db.writing(engine) as connection:
        new = keys.create(connection, tenant=TENANT, name="bench", scopes=frozenset({Scope.ADMIN}))
        spec = JobSpec.model_validate(SPEC)
        admitted = admission.admit(connection, spec, (), tenant=TENANT)
        for _ in range(NUM_JOBS):
            submission.submit(connection, spec, admitted, tenant=TENANT)
        claim = lifecycle.claim(connection, worker="bench", gpus=0, lease_seconds=3600.0)
        assert claim is not None  # noqa: S101  # a job was just submitted
        points = [
            MetricPoint(key, step, step // 50, 1.5, epoch_end=False)
            for step in range(NUM_POINTS // 2)
            for key in ("train_loss", "learning_rate")
        ]
        news = Report(batch=1, metrics=tuple(points))
        job = claim.job
        lifecycle.report(connection, job.id, job.attempt, news, lease_seconds=3600.0)
        _copy_for_floor(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    engine.dispose()
    return Prepared(new.secret, job.id)


def _copy_for_floor(connection: sa.Connection) -> None:
    connection.execute(
        sa.text(
            "CREATE TABLE floor_jobs (id text PRIMARY KEY, spec jsonb NOT NULL, "
            "created_at timestamptz NOT NULL DEFAULT now())"
        )
    )
    connection.execute(sa.text("INSERT INTO floor_jobs SELECT id, spec, created_at FROM jobs"))


@contextmanager
def _ours(url: str) -> Iterator[Server]:
    port = free_port()
    with _process(["-m", "api", "--port", str(port)], port, "/healthz", url) as server:
        yield server


@contextmanager
def _floor(url: str) -> Iterator[Server]:
    port = free_port()
    arguments = ["-m", "uvicorn", "bench.api_floor:app", "--port", str(port), "--no-access-log"]
    arguments += ["--loop", "uvloop", "--http", "httptools", "--log-level", "warning"]
    with _process(arguments, port, "/openapi.json", url) as server:
        yield server


@contextmanager
def _process(arguments: list[str], port: int, path: str, url: str) -> Iterator[Server]:
    environment = os.environ | {
        "NETAUG_DATABASE_URL": url,
        "NETAUG_STORAGE_URL": "file:///tmp/netaug-bench-storage",
        "BENCH_DATABASE_URL": url,
        "NETAUG_SUBMITS_PER_SECOND": "0",  # measured is what it can do, not what one tenant may
        "NETAUG_TENANT_REQUESTS_AT_ONCE": "1000",
        "NETAUG_TENANT_STREAMS_AT_ONCE": "1000",
    }
    process = subprocess.Popen(
        [sys.executable, *arguments], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        _await_answer(process, f"http://127.0.0.1:{port}{path}")
        yield Server(psutil.Process(process.pid), port)
    finally:
        process.terminate()
        process.wait(START_S)


def _await_answer(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url).close()  # noqa: S310  # http, of this machine
        except urllib.error.URLError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "processor": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
    }


def _table(results: dict[str, Any]) -> str:
    lines = [f"{'call':16}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'CPU/floor':>11}"]
    for call, measured in results["calls"].items():
        ours, ratio = measured["ours"], measured["ours_of_floor"]["cpu_ms_per_request"]
        lines.append(
            f"{call:16}{ours['requests_per_second']:9.0f}{ours['p50_ms']:9.2f}"
            f"{ours['p99_ms']:9.2f}{ours['cpu_ms_per_request']:9.3f}{ratio:11.2f}"
        )
    lines.append(f"resident: {results['ours_rss_bytes'] / 1e6:.0f} MB")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.api", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    return parser


if __name__ == "__main__":
    sys.exit(main())
