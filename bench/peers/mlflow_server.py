"""The same calls of an MLflow server, on the same Postgres, from an environment of its own.

`make bench-peers` makes it and measures.
"""

import itertools
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench import load
from bench.servers import Server, listening

NUM_RUNS = 10_000
NUM_POINTS = 1000
BATCH = 100
API = "/api/2.0/mlflow"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Peer:
    """A server that holds many runs, one of them with a history."""

    server: Server
    requests: dict[str, load.Request]


@contextmanager
def running(environment: Path, url: str, artifacts: Path) -> Iterator[Peer]:
    """One worker process on a database of its own."""
    arguments = [
        *(environment / "bin" / "mlflow", "server", "--workers", "1"),
        *("--backend-store-uri", url.replace("postgresql:", "postgresql+psycopg2:")),
        *("--artifacts-destination", artifacts),
        *("--host", "127.0.0.1", "--port"),
    ]
    # By default its pool has 15 connections, and more clients wait for each other for ever.
    pool = {"MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "80", "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "0"}
    own = {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": "", **pool}
    with listening(arguments, "/health", own) as server:
        experiment = _post(server, "experiments/create", {"name": "bench"})["experiment_id"]
        created = _post(server, "runs/create", {"experiment_id": experiment, "run_name": "bench"})
        run = created["run"]["info"]["run_id"]
        for first in range(0, NUM_POINTS, BATCH):
            _post(server, "runs/log-batch", _batch(run, "history", first))
        _copy_runs(url, run)
        yield Peer(server, _requests(experiment, run))


def _requests(experiment: str, run: str) -> dict[str, load.Request]:
    create = json.dumps({"experiment_id": experiment, "run_name": "bench"}).encode()
    search = {"experiment_ids": [experiment], "max_results": 50, "order_by": ["start_time DESC"]}
    batches = (
        json.dumps(_batch(run, "loss", first)).encode() for first in itertools.count(0, BATCH)
    )
    history = f"{API}/metrics/get-history?run_id={run}&metric_key=history&max_results={NUM_POINTS}"
    return {
        "submit": load.request("POST", f"{API}/runs/create", JSON, itertools.repeat(create)),
        "get": load.request("GET", f"{API}/runs/get?run_id={run}", {}),
        "list_50": load.request(
            "POST", f"{API}/runs/search", JSON, itertools.repeat(json.dumps(search).encode())
        ),
        "history_1000": load.request("GET", history, {}),
        "ingest": load.request("POST", f"{API}/runs/log-batch", JSON, batches),
    }


def _batch(run: str, key: str, first: int) -> dict[str, Any]:
    points = [
        {"key": key, "value": 1.5, "timestamp": 1_700_000_000_000 + step, "step": step}
        for step in range(first, first + BATCH)
    ]
    return {"run_id": run, "metrics": points}


def _post(server: Server, path: str, document: dict[str, Any]) -> Any:
    request = urllib.request.Request(  # http, of this machine
        f"http://127.0.0.1:{server.port}{API}/{path}", json.dumps(document).encode(), JSON
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.load(answer)


def _copy_runs(url: str, run: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_name = 'runs' AND column_name <> 'run_uuid'"
        ).fetchall()
        others = ", ".join(row[0] for row in rows)
        copies = (
            f"INSERT INTO runs (run_uuid, {others}) SELECT md5(n::text), {others} "  # noqa: S608
            f"FROM runs, generate_series(2, {NUM_RUNS}) AS n WHERE run_uuid = %s"
        )
        connection.execute(copies.encode(), (run,))
        connection.execute("VACUUM ANALYZE")
