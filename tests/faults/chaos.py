"""A soak: jobs under random faults, then the invariants, and a table of what was lost: nothing.

Run: python -m tests.faults.chaos --seed 1 2 --minutes 10
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.record import machine
from jobs import db, schema
from jobs.states import JobStatus
from jobs.tables import jobs
from tests.faults import invariants
from tests.faults.chaos_faults import Post, Site, Weather
from tests.faults.installation import Installation, chain_spec
from tests.faults.proxy import Proxy, through
from tests.servers import Postgres, Redis, serving

RESULTS = Path(__file__).parent.parent.parent / "bench" / "results"
LEASE_S = 2.0
BETWEEN_FAULTS_S = (1.2, 3.0)
BETWEEN_SUBMITS_S = (0.3, 1.1)
MAX_UNFINISHED = 30
MAX_ATTEMPTS = 20
EPOCHS, STEP_MS = (1, 4), (2, 15)
LONG, LONG_STEP_MS = 0.2, 120  # of the jobs: a lease can run out while one trains
REPEATED = 0.2  # of the submits are sent again although they were answered
NUM_WARM = 2  # of the three workers, with trainers that wait for jobs
TRAINER_BYTES = 128 << 20
TICK_S = 0.05
ANSWER_S = 10.0
END_S = 180.0
LONG_MINUTES, LONG_FAULTS, LONG_KINDS = 10, 100, 10
ASK_AGAIN = {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
ROWS = {
    "lost": ("I1", "I2"),
    "doubled": ("I3", "I4", "double submit"),
    "wrong digest": ("I7",),
    "orphans": ("I5",),
}


@dataclass(frozen=True)
class Outcome:
    """What one soak did, and every violation that it found."""

    seed: int
    minutes: float
    submitted: int
    jobs: dict[str, int]
    attempts: int
    faults: dict[str, int]
    violations: list[str]

    @property
    def num_faults(self) -> int:
        return sum(self.faults.values())

    @property
    def num_kinds(self) -> int:
        return sum(count > 0 for count in self.faults.values())

    def found(self) -> dict[str, int]:
        """How many violations of each row of the table."""
        counted = {
            row: sum(violation.startswith(marks) for violation in self.violations)
            for row, marks in ROWS.items()
        }
        return counted | {"other violations": len(self.violations) - sum(counted.values())}

    @property
    def is_good(self) -> bool:
        is_short = self.minutes < LONG_MINUTES
        enough = self.num_faults >= LONG_FAULTS and self.num_kinds >= LONG_KINDS
        return not self.violations and (is_short or enough)

    def table(self) -> str:
        rows: list[tuple[str, Any]] = [("seed", self.seed), ("minutes", f"{self.minutes:g}")]
        rows += [("jobs submitted", self.submitted)]
        rows += [(f"  {status}", count) for status, count in sorted(self.jobs.items())]
        rows += [("attempts", self.attempts)]
        rows += [(f"faults of {self.num_kinds} kinds", self.num_faults)]
        rows += [(f"  {kind}", count) for kind, count in self.faults.items()]
        rows += self.found().items()
        lines = [f"{name:<36}{value:>8}" for name, value in rows]
        return "\n".join([*lines, *self.violations])


class Submitter(threading.Thread):
    """Submits jobs through HTTP for as long as it may; what was not answered, again."""

    def __init__(self, installation: Installation, seed: int) -> None:
        super().__init__(name="submitter", daemon=True)
        self._installation = installation
        self._seed = seed
        self._random = random.Random(f"submits {seed}")  # noqa: S311  # faults, no secrets
        self._ended = threading.Event()
        self._given_up = threading.Event()
        self.violations: list[str] = []

    def run(self) -> None:
        number = 0
        while not self._ended.wait(self._random.uniform(*BETWEEN_SUBMITS_S)):
            if self._num_unfinished() < MAX_UNFINISHED:
                number += 1
                self._submit(number)

    def end(self) -> bool:
        """Wait until the last submit has been acknowledged."""
        self._ended.set()
        self.join(END_S)
        self._given_up.set()
        return not self.is_alive()

    def _num_unfinished(self) -> int:
        waiting = sa.select(sa.func.count()).where(~jobs.c.status.in_(_final()))
        try:
            with db.reading(self._installation.engine) as connection:
                return int(connection.execute(waiting).scalar_one())
        except sa.exc.DBAPIError:
            return MAX_UNFINISHED

    def _submit(self, number: int) -> None:
        is_long = self._random.random() < LONG
        spec = chain_spec(
            seed=self._random.randrange(1000),
            epochs=self._random.randint(*EPOCHS),
            step_ms=LONG_STEP_MS if is_long else self._random.randint(*STEP_MS),
            max_attempts=MAX_ATTEMPTS,
        )
        key = f"chaos-{self._seed}-{number}"
        first = self._until_accepted(spec, key)
        if self._random.random() < REPEATED:
            again = self._until_accepted(spec, key)
            if again != first:
                self.violations.append(f"double submit: {key} made {first} and {again}")

    def _until_accepted(self, spec: Any, key: str) -> str:
        while not self._given_up.is_set():
            try:
                answer = self._installation.call(
                    "POST", "/v1/jobs", spec, {"Idempotency-Key": key}, timeout_s=ANSWER_S
                )
            except OSError:
                answer = None
            if answer is not None and answer.status == HTTPStatus.ACCEPTED:
                return self._installation.acknowledge(answer)
            if answer is not None and answer.status not in ASK_AGAIN:
                self.violations.append(f"submit: {key} was answered {answer}")
                return ""
            self._given_up.wait(self._random.uniform(*BETWEEN_SUBMITS_S))
        return ""


def _final() -> list[JobStatus]:
    return [status for status in JobStatus if status.is_final]


def soak(seed: int, seconds: float, directory: Path) -> Outcome:
    """Jobs under faults for so long, on servers of its own; then everything ends well, or not."""
    with ExitStack() as stack:
        postgres = stack.enter_context(serving(Postgres()))
        broker = stack.enter_context(serving(Redis()))
        url = postgres.create_database("chaos")
        engine = db.create_engine(url)
        schema.upgrade(engine)
        engine.dispose()
        installation = Installation(url, broker.url, directory)
        stack.callback(installation.kill)
        installation.environment["NETAUG_LEASE_SECONDS"] = str(LEASE_S)
        proxy = stack.enter_context(Proxy(postgres.port))
        posts = list(_posts(installation, through(proxy, url)))
        chance = random.Random(f"faults {seed}")  # noqa: S311  # faults, no secrets
        site = Site(installation, postgres, broker, proxy, posts, chance)
        return _rain(site, seed, seconds)


def _posts(installation: Installation, url: str) -> Iterator[Post]:
    options = ("--failpoint", str(installation.failpoint))
    for number in range(3):
        environment = {
            "NETAUG_DATABASE_URL": url,
            "NETAUG_SLOTS": "1" if number else "2",
            "NETAUG_WARM_TRAINERS": str(number < NUM_WARM),
            "NETAUG_TRAINER_MEMORY_BYTES": str(TRAINER_BYTES),
        }
        yield Post(f"worker {number}", "worker", options, environment)
    for number in range(2):
        yield Post(f"dispatcher {number}", "dispatcher")
    yield Post("api", "api")


def _rain(site: Site, seed: int, seconds: float) -> Outcome:
    site.heal()
    site.installation.until(lambda: _is_ready(site.installation), "the API answers")
    weather, submitter = Weather(site), Submitter(site.installation, seed)
    submitter.start()
    end = time.monotonic() + seconds
    next_fault = 0.0
    while (now := time.monotonic()) < end:
        weather.pass_over()
        site.heal()
        if now >= next_fault and weather.strike():
            next_fault = time.monotonic() + site.random.uniform(*BETWEEN_FAULTS_S)
        time.sleep(TICK_S)
    weather.pass_over(everything=True)
    found = list(_settle(site, submitter))
    found += _stop(site)
    found += site.deserters
    found += submitter.violations
    found += invariants.violations(site.installation)
    return _outcome(site, seed, seconds, weather.counts, found)


def _is_ready(installation: Installation) -> bool:
    try:
        return installation.call("GET", "/healthz").status == HTTPStatus.OK
    except OSError:
        return False


def _settle(site: Site, submitter: Submitter) -> Iterator[str]:
    """The faults are over: every submit is acknowledged, every job ends."""
    submitting = threading.Thread(target=submitter.end)
    submitting.start()
    deadline = time.monotonic() + END_S
    while time.monotonic() < deadline:
        site.heal()  # a worker that was told to leave may still do so
        if not submitting.is_alive() and not _unfinished(site.installation):
            break
        time.sleep(TICK_S)
    submitting.join()
    if submitter.is_alive():
        yield "submit: the last one was not acknowledged although every fault was over"
    for job_id in _unfinished(site.installation):
        yield f"I2: job {job_id} has not ended {END_S:.0f} s after the last fault"


def _unfinished(installation: Installation) -> list[str]:
    waiting = sa.select(jobs.c.id).where(~jobs.c.status.in_(_final()))
    with db.reading(installation.engine) as connection:
        return list(connection.execute(waiting).scalars())


def _stop(site: Site) -> Iterator[str]:
    try:
        site.installation.stop()
    except subprocess.TimeoutExpired as error:
        yield f"I5: a process told to end has not: {error.cmd}"
    deadline = time.monotonic() + ANSWER_S  # what was killed a moment ago is being closed yet
    while site.installation.open_connections() and time.monotonic() < deadline:
        time.sleep(TICK_S)


def _outcome(
    site: Site, seed: int, seconds: float, faults: dict[str, int], found: list[str]
) -> Outcome:
    with db.reading(site.installation.engine) as connection:
        rows = connection.execute(sa.select(jobs.c.id, jobs.c.status, jobs.c.attempt)).all()
    acknowledged = set(site.installation.acknowledged)
    found += [f"double submit: nobody was told of {r.id}" for r in rows if r.id not in acknowledged]
    statuses = Counter(str(row.status) for row in rows)
    attempts = sum(row.attempt for row in rows)
    return Outcome(
        seed, round(seconds / 60, 3), len(acknowledged), dict(statuses), attempts, faults, found
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    seeds = " ".join(map(str, options.seed))
    command = f"python -m tests.faults.chaos --seed {seeds} --minutes {options.minutes:g}"
    described = machine()
    outcomes: list[Outcome] = []
    for seed in options.seed:
        directory = Path(tempfile.mkdtemp(prefix="netaug-chaos-"))
        outcomes.append(soak(seed, options.minutes * 60, directory))
        if outcomes[-1].violations:
            sys.stderr.write(f"the logs are kept in {directory}\n")
        else:
            shutil.rmtree(directory)
        sys.stdout.write(outcomes[-1].table() + "\n\n")
        sys.stdout.flush()
        runs = [asdict(outcome) | outcome.found() for outcome in outcomes]
        document = {"command": command, "machine": described, "runs": runs}
        (options.out / "chaos.json").write_text(json.dumps(document, indent=2) + "\n")
        tables = "\n\n".join(outcome.table() for outcome in outcomes)
        (options.out / "chaos.txt").write_text(f"{command}\n\n{tables}\n")
    return 0 if all(outcome.is_good for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
