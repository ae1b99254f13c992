"""The kinds of faults of a soak, and the processes and servers that they meet.

A kind does its harm at once and returns what undoes it, to be called after the time it names; it
returns None where there was nothing to harm.
"""

import contextlib
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

import celery
import kombu.exceptions
import psutil
import redis

from jobs.states import JobStatus
from tests.faults.failpoints import KILLED, OPERATIONS
from tests.faults.installation import LEASE_S, Installation
from tests.faults.proxy import Mode, Proxy
from tests.servers import Postgres, Redis

HOUR_S = 3600
WISH_S = 5.0  # a frozen database holds an answer for longer: then the wish is not waited for
FAILPOINT_S = 4.0
DEEPEST_STATEMENT = 5
DOORBELL, QUEUE = "worker.tasks.doorbell", "netaug.doorbells"
NUM_DOORBELLS = 5
PASSED_BY_A_WORKER = sorted(set(OPERATIONS) - {"submit", "cancel", "ring", "published", "expire"})


def nothing() -> bool:
    return True


class Harm(NamedTuple):
    """What was done: `undo` is called after `for_s`, and says whether the fault came to pass."""

    target: str
    for_s: float = 0.0
    undo: Callable[[], bool] = nothing


@dataclass
class Post:
    """A place where a process is to run; one that ended is replaced by another."""

    name: str
    role: str
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    may_end: bool = True  # it has been told to, or not been started yet

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, which: signal.Signals) -> None:
        assert self.process is not None
        self.may_end |= which in {signal.SIGKILL, signal.SIGTERM}
        self.process.send_signal(which)


@dataclass
class Site:
    """An installation with everything that a fault may meet. `busy` names what is harmed now."""

    installation: Installation
    postgres: Postgres
    redis: Redis
    proxy: Proxy
    posts: list[Post]
    random: random.Random
    busy: set[str] = field(default_factory=set)
    deserters: list[str] = field(default_factory=list)

    def heal(self) -> None:
        """Start again whatever has ended; note what did so without having been harmed."""
        for post in self.posts:
            if post.is_up:
                continue
            if post.process is not None and not post.may_end:
                code = post.process.returncode
                if code != KILLED:
                    self.deserters.append(f"process: {post.name} ended by itself, code {code}")
            post.process = self.installation.start(post.role, *post.options, **post.environment)
            post.may_end = False

    def pick(self, role: str) -> Post | None:
        """One that runs, and is not harmed already."""
        there = [p for p in self.posts if p.role == role and p.is_up and p.name not in self.busy]
        return self.random.choice(there) if there else None

    def job(self, *statuses: JobStatus) -> str | None:
        """One of the newest acknowledged jobs, of such a status by the API."""
        path = f"/v1/jobs?limit=50&status={self.random.choice(statuses)}"
        answer = self.installation.call("GET", path, timeout_s=WISH_S)
        if answer.status != HTTPStatus.OK or not answer.body["items"]:
            return None
        return str(self.random.choice(answer.body["items"])["id"])


Kind = Callable[[Site], Harm | None]


def _kill(role: str) -> Kind:
    def kill(site: Site) -> Harm | None:
        post = site.pick(role)
        if post is None:
            return None
        post.send(signal.SIGKILL)
        return Harm(post.name)

    return kill


def _attempts(site: Site) -> Iterator[tuple[psutil.Process, bool]]:
    """Every process of an attempt, and whether it is a guard."""
    for post in site.posts:
        if post.role == "worker" and post.is_up and post.name not in site.busy:
            assert post.process is not None
            for process in site.installation.family(post.process):
                try:
                    command = process.cmdline()
                except psutil.Error:
                    continue
                if "--witness" in command:
                    yield process, any("guard.py" in part for part in command)


def _signal_to_an_attempt(which: signal.Signals, *, is_guard: bool) -> Kind:
    def send(site: Site) -> Harm | None:
        try:
            found = [process for process, guards in _attempts(site) if guards is is_guard]
            if not found:
                return None
            site.random.choice(found).send_signal(which)
        except psutil.NoSuchProcess:
            return None
        return Harm("attempt")

    return send


def exhaust_a_trainer(site: Site) -> Harm | None:
    """It uses more memory than its worker allows."""
    post = site.pick("worker")
    if post is None or post.process is None:
        return None
    for trainer in site.installation.trainers(post.process):
        with contextlib.suppress(psutil.NoSuchProcess):
            trainer.send_signal(signal.SIGUSR1)
            return Harm("attempt")
    return None


def freeze_a_worker(site: Site) -> Harm | None:
    """For longer than its lease."""
    post = site.pick("worker")
    if post is None:
        return None
    post.send(signal.SIGSTOP)

    def thaw() -> bool:
        post.send(signal.SIGCONT)
        return True

    return Harm(post.name, 2 * LEASE_S + site.random.uniform(0, 2), thaw)


def drain_a_worker(site: Site) -> Harm | None:
    post = site.pick("worker")
    if post is None:
        return None
    post.send(signal.SIGTERM)
    return Harm(post.name)


def skew_a_clock(site: Site) -> Harm | None:
    """A worker dies, and the next one in its place has a clock that is an hour wrong."""
    post = site.pick("worker")
    if post is None:
        return None
    usual = post.options
    post.options = (*usual, f"--skew={site.random.choice((-HOUR_S, HOUR_S))}")
    post.send(signal.SIGKILL)

    def forget() -> bool:
        post.options = usual
        return True

    return Harm(post.name, 5.0, forget)


def restart_postgres(site: Site) -> Harm:
    """As `pg_ctl stop -m immediate`, and a second or two without any."""
    site.postgres.stop(signal.SIGQUIT)

    def start() -> bool:
        site.postgres.start()
        site.installation.engine.dispose()
        return True

    return Harm("postgres", site.random.uniform(0.2, 2.5), start)


def kill_redis(site: Site) -> Harm:
    site.redis.stop(signal.SIGKILL)

    def start() -> bool:
        site.redis.start()
        return True

    return Harm("redis", site.random.uniform(0.2, 2.5), start)


def freeze_redis(site: Site) -> Harm:
    site.redis.send_signal(signal.SIGSTOP)

    def thaw() -> bool:
        site.redis.send_signal(signal.SIGCONT)
        return True

    return Harm("redis", site.random.uniform(1, 4), thaw)


def empty_redis(site: Site) -> Harm | None:
    if "redis" in site.busy:
        return None
    with redis.Redis.from_url(site.redis.url) as client:
        client.flushall()
    return Harm("redis")


def stall_the_network(site: Site) -> Harm:
    """Between the workers and Postgres: no packet comes through, none is refused."""
    return _proxied(site, Mode.STALL, site.random.uniform(0.5, 2 * LEASE_S))


def cut_the_network(site: Site) -> Harm:
    return _proxied(site, Mode.CUT, site.random.uniform(0.1, 2))


def _proxied(site: Site, mode: Mode, for_s: float) -> Harm:
    site.proxy.set(mode)

    def let_pass() -> bool:
        site.proxy.set(Mode.PASS)
        return True

    return Harm("network", for_s, let_pass)


def ring_wrongly(site: Site) -> Harm | None:
    """Doorbells for nothing, one with a job that nobody knows, and a message of no known kind."""
    if "redis" in site.busy:
        return None
    with celery.Celery("chaos", broker=site.redis.url, set_as_current=False) as app:
        try:
            for _ in range(NUM_DOORBELLS):
                app.send_task(DOORBELL, queue=QUEUE, retry=False)
            app.send_task(DOORBELL, args=["job_unknown"], queue=QUEUE, retry=False)
            app.send_task("worker.tasks.unknown", queue=QUEUE, retry=False)
        except kombu.exceptions.OperationalError:
            return None
    return Harm("redis")


def take_the_store_away(site: Site) -> Harm | None:
    """Nothing can be stored or read, as with a file system that is not mounted."""
    there = site.installation.storage / "jobs"
    away = there.with_name("jobs-away")
    if not there.is_dir():
        return None
    there.rename(away)
    there.touch()

    def mount() -> bool:
        there.unlink()
        away.rename(there)
        # Whoever wrote as it went away could remove nothing there any more.
        for half in there.rglob("*#*"):
            half.unlink(missing_ok=True)
        return True

    return Harm("store", site.random.uniform(0.5, 4), mount)


def _wish(verb: str, *statuses: JobStatus) -> Kind:
    def wish(site: Site) -> Harm | None:
        if "postgres" in site.busy:
            return None
        try:
            job_id = site.job(*statuses)
            if job_id is None:
                return None
            path = f"/v1/jobs/{job_id}/{verb}"
            answer = site.installation.call("POST", path, timeout_s=WISH_S)
        except OSError:
            return None
        return Harm("wish") if answer.status == HTTPStatus.ACCEPTED else None

    return wish


def die_at_a_statement(site: Site) -> Harm:
    """Of the first worker that comes there; some statements nobody comes to in time."""
    operation = site.random.choice(PASSED_BY_A_WORKER)
    statement = site.random.randint(1, DEEPEST_STATEMENT)
    site.installation.arm(f"{operation}:{statement}:{site.random.choice(('before', 'after'))}")
    return Harm("failpoint", FAILPOINT_S, site.installation.disarm)


KINDS: dict[str, Kind] = {
    "trainer killed": _signal_to_an_attempt(signal.SIGKILL, is_guard=False),
    "trainer out of memory": exhaust_a_trainer,
    "guard killed": _signal_to_an_attempt(signal.SIGKILL, is_guard=True),
    "guard stopped for good": _signal_to_an_attempt(signal.SIGSTOP, is_guard=True),
    "store away": take_the_store_away,
    "worker killed": _kill("worker"),
    "worker frozen beyond its lease": freeze_a_worker,
    "worker told to leave": drain_a_worker,
    "worker died at a statement": die_at_a_statement,
    "worker's clock an hour wrong": skew_a_clock,
    "dispatcher killed": _kill("dispatcher"),
    "API killed": _kill("api"),
    "Postgres restarted, immediate": restart_postgres,
    "network stalled": stall_the_network,
    "network cut": cut_the_network,
    "Redis killed": kill_redis,
    "Redis frozen": freeze_redis,
    "Redis emptied": empty_redis,
    "wrong doorbells": ring_wrongly,
    "job cancelled": _wish("cancel", JobStatus.QUEUED, JobStatus.RUNNING),
    "job stopped": _wish("stop", JobStatus.RUNNING),
    "job retried": _wish("retry", JobStatus.CANCELLED),
}
TARGETS = {  # which fault must wait for the end of which other
    restart_postgres: "postgres",
    kill_redis: "redis",
    freeze_redis: "redis",
    empty_redis: "redis",
    stall_the_network: "network",
    cut_the_network: "network",
    die_at_a_statement: "failpoint",
    take_the_store_away: "store",
}


class Weather:
    """Lets one fault after another happen; each kind has its turn before any has a second."""

    def __init__(self, site: Site) -> None:
        self.counts = dict.fromkeys(KINDS, 0)
        self._site = site
        self._bag: list[str] = []
        self._undone: list[tuple[float, str, Harm]] = []

    def strike(self) -> bool:
        """Do harm of the next kind that finds something to harm; the others keep their turn."""
        if not self._bag:
            self._bag = self._shuffled(set(KINDS))
        for name in self._bag + self._shuffled(set(KINDS) - set(self._bag)):
            if TARGETS.get(KINDS[name]) in self._site.busy:
                continue
            harm = KINDS[name](self._site)
            if harm is not None:
                self._bag = [other for other in self._bag if other != name]
                self._begin(name, harm)
                return True
        return False

    def _shuffled(self, names: set[str]) -> list[str]:
        return self._site.random.sample(sorted(names), len(names))

    def _begin(self, name: str, harm: Harm) -> None:
        if harm.for_s:
            self._site.busy.add(harm.target)
            self._undone.append((time.monotonic() + harm.for_s, name, harm))
        else:
            self.counts[name] += 1

    def pass_over(self, *, everything: bool = False) -> None:
        """Undo what has lasted long enough."""
        now = time.monotonic()
        due = [undone for undone in self._undone if everything or undone[0] <= now]
        self._undone = [undone for undone in self._undone if undone not in due]
        for _, name, harm in due:
            self.counts[name] += harm.undo()
            self._site.busy.discard(harm.target)
