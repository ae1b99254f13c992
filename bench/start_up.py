"""From a submit to the first step that its user sees, with warm trainers and without.

The whole installation is real: API, dispatcher, worker, Postgres and Redis; the job is
examples/digits.yaml, and a client asks for it again and again. The two kinds of worker take turns.
Run: python -m bench.start_up
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from bench import record, servers, verdicts
from bench.dispatch import END_S, environment, running
from bench.population import TENANT
from bench.servers import cpu_s
from jobs import db, keys, schema
from jobs.keys import Scope
from netaug_client.client import Client
from netaug_client.errors import WaitTimedOut
from netaug_core.spec import load_spec
from tests.servers import Postgres, Redis, serving

RESULTS = Path(__file__).parent / "results" / "start_up.json"
SPEC = Path(__file__).parent.parent / "examples" / "digits.yaml"
TARGETS_S = {"cold": 5.0, "warm": 1.0}
ASK_S = 0.01
LOOK_S = 0.5
FIRST_STEP_S = 120.0


def main() -> int:
    options = _parser().parse_args()
    with ExitStack() as stack:
        postgres = stack.enter_context(serving(Postgres()))
        redis = stack.enter_context(serving(Redis()))
        url = postgres.create_database("bench")
        engine = db.create_engine(url)
        stack.callback(engine.dispose)
        schema.upgrade(engine)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        variables = environment(url, redis.url, directory)
        stack.enter_context(running("worker.dispatcher", variables))
        api = stack.enter_context(servers.ours(url, directory / "storage"))
        client = Client(f"http://127.0.0.1:{api.port}", _key(engine))
        seconds: dict[str, list[float]] = {kind: [] for kind in TARGETS_S}
        for _ in range(options.rounds):
            for kind, measured in seconds.items():
                measured.append(_measure(client, variables, is_warm=kind == "warm"))
    results: dict[str, Any] = {"spec": SPEC.name, "seconds": seconds}
    results["median_s"] = {kind: statistics.median(all_) for kind, all_ in seconds.items()}
    record.write(options.out, "bench.start_up", results)
    print(json.dumps(results))
    for kind, target in TARGETS_S.items():
        median = results["median_s"][kind]
        print(verdicts.line(f"submit to first step, {kind}, s", median, target, at_most=True))
    return 0


def _measure(client: Client, variables: dict[str, str], *, is_warm: bool) -> float:
    with running("worker", variables | {"NETAUG_WARM_TRAINERS": str(is_warm)}) as worker:
        _await_idle(worker, num_waiting=int(is_warm))
        began = time.monotonic()
        job = client.jobs.submit(load_spec(SPEC))
        while (progress := job.refresh().details.progress) is None or progress.step < 1:
            if job.details.is_final or time.monotonic() - began > FIRST_STEP_S:
                raise WaitTimedOut(f"no step yet: {job.details}")
            time.sleep(ASK_S)
        seconds = time.monotonic() - began
        job.cancel()
        job.wait(timeout=END_S)
    return round(seconds, 3)


def _await_idle(worker: psutil.Process, *, num_waiting: int) -> None:
    """Until the worker and its warm trainers have begun to wait: nobody uses a CPU any more."""
    used = -1.0
    while True:
        below = worker.children(recursive=True)
        waiting = [process for process in below if "standby" in process.cmdline()[:4]]
        before, used = used, sum(cpu_s(process) for process in (worker, *below))
        if len(waiting) == num_waiting and used - before < LOOK_S / 10:
            return
        time.sleep(LOOK_S)


def _key(engine: sa.Engine) -> str:
    with db.writing(engine) as connection:
        new = keys.create(connection, tenant=TENANT, name="bench", scopes=frozenset({Scope.ADMIN}))
    return new.secret


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.start_up", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
