"""Row 20: whatever users, workers and faults do in whatever order, the platform does as its model.

`NETAUG_MODEL_EXAMPLES=200 NETAUG_MODEL_STEPS=60` looks longer, from another seed each time.
"""

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobs import db, keys, wishes
from jobs.errors import Fenced
from jobs.keys import Scope
from jobs.states import JobStatus
from jobs.tables import jobs, outbox
from tests.faults.hand_worker import HandWorker, Held
from tests.faults.installation import Answer, Installation, chain_spec
from tests.faults.model import ACCEPTED, MAX_ATTEMPTS, Model, ModelJob
from tests.faults.proxy import Proxy
from tests.servers import Postgres, Redis

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EXAMPLES = os.environ.get("NETAUG_MODEL_EXAMPLES")
NUM_EXAMPLES, NUM_STEPS = int(EXAMPLES or 20), int(os.environ.get("NETAUG_MODEL_STEPS", "50"))
MOST_TRAINED_AT_THE_END = 4
MOST_JOBS = 4  # few, so that much happens to each
MOST_STRIKES = 1  # of an example: a process takes a second to start
WHICH = st.integers(0, 99)
SAME_END = {"fail": JobStatus.FAILED, "obey": JobStatus.CANCELLED}
FAULTS = st.sampled_from(["api", "dispatcher", "redis", "postgres"])


class World:
    """The processes and servers that all examples share, and their faults."""

    def __init__(self, installation: Installation, postgres: Postgres, redis: Redis) -> None:
        self.installation = installation
        self.worker = HandWorker(installation)
        self.answered: set[str] = set()  # of jobs that no example deleted
        self._postgres, self._redis = postgres, redis
        self._api = installation.start_api()
        self._dispatcher = installation.start("dispatcher")

    def strike(self, fault: str) -> None:
        """Kill it, and start it again."""
        if fault == "api":
            self._api.kill()
            self._api.wait()
            self._api = self.installation.start_api()
        elif fault == "dispatcher":
            self._dispatcher.kill()
            self._dispatcher = self.installation.start("dispatcher")
        elif fault == "redis":
            self._redis.stop(signal.SIGKILL)
            self._redis.start()
        else:
            self._postgres.stop(signal.SIGQUIT)
            self._postgres.start()
            self.installation.engine.dispose()

    def until_all_are_rung_for(self) -> None:
        def outbox_is_empty() -> bool:
            with db.reading(self.installation.engine) as connection:
                return connection.scalar(sa.select(sa.func.count()).select_from(outbox)) == 0

        self.installation.until(outbox_is_empty, "every doorbell is rung")

    def new_tenant(self) -> dict[str, str]:
        """The headers of a tenant that has no jobs."""
        tenant = f"t-{uuid.uuid4().hex[:12]}"
        with db.writing(self.installation.engine) as connection:
            new = keys.create(
                connection, tenant=tenant, name="model", scopes=frozenset({Scope.SUBMIT})
            )
        return {"Authorization": f"Bearer {new.secret}"}

    def call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        """As a client does: sent again while the service cannot answer."""
        answers: list[Answer] = []

        def answered() -> bool:
            answers.append(self.installation.call(method, path, body, headers))
            return answers[-1].status != HTTPStatus.SERVICE_UNAVAILABLE

        self.installation.until(answered, f"{method} {path} is answered")
        return answers[-1]


class Life(RuleBasedStateMachine):
    """One tenant's jobs, in the model and in the platform."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.model = Model()
        self.tenant = self.world.new_tenant()
        self.known: list[str] = []  # jobs that a client was ever told of
        self.held: list[Held] = []
        self.fenced: list[Held] = []
        self.num_strikes = 0
        for seed in range(2):
            self._accepted(self.ask("POST", "/v1/jobs", spec(seed)), seed)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return self.world.call(method, path, body, self.tenant | headers)

    def pick(self, job_ids: list[str], which: int) -> str:
        return job_ids[which % len(job_ids)]

    # What users do.

    @precondition(lambda self: len(self.model.jobs) < MOST_JOBS)
    @rule(seed=st.integers(0, 5))
    def submit(self, seed: int) -> None:
        self._accepted(self.ask("POST", "/v1/jobs", spec(seed)), seed)

    @precondition(lambda self: len(self.model.jobs) < MOST_JOBS)
    @rule(key=st.sampled_from("abc"), seed=st.integers(0, 1), reply_is_lost=st.booleans())
    def submit_with_key(self, key: str, seed: int, reply_is_lost: bool) -> None:
        status, earlier = self.model.submit(key, seed)
        send = self._send_and_lose_the_reply if reply_is_lost else self.ask
        send("POST", "/v1/jobs", spec(seed), **{"Idempotency-Key": key})
        answer = self.ask("POST", "/v1/jobs", spec(seed), **{"Idempotency-Key": key})
        assert answer.status == status
        assert answer.headers.get("idempotent-replayed") == ("true" if status == ACCEPTED else None)
        if earlier is not None:
            assert answer.body["id"] == earlier
        elif status == ACCEPTED:
            self.model.keys[key] = (seed, self._accepted(answer, seed))

    def _send_and_lose_the_reply(self, *request: Any, **headers: str) -> None:
        installation = self.world.installation
        port = installation.port
        with Proxy(port) as proxy:
            proxy.lose_reply_to(b"POST /v1/jobs")
            installation.port = proxy.port
            try:
                with pytest.raises(OSError):  # noqa: PT011  # the connection was reset
                    self.ask(*request, **headers)
            finally:
                installation.port = port

    def _accepted(self, answer: Answer, seed: int) -> str:
        assert answer.status == ACCEPTED
        job_id = str(answer.body["id"])
        assert job_id not in self.known
        self.known.append(job_id)
        self.model.jobs[job_id] = ModelJob(seed)
        self.world.answered.add(job_id)
        return job_id

    @rule(which=WHICH, verb=st.sampled_from(["cancel", "stop", "retry"]), times=st.integers(1, 2))
    def wish(self, which: int, verb: str, times: int) -> None:
        job_id = self.pick(self.known, which)
        for _ in range(times):
            wanted = getattr(self.model, verb)(job_id)
            assert self.ask("POST", f"/v1/jobs/{job_id}/{verb}").status == wanted

    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        job_id = self.pick(self.known, which)
        wanted = self.model.delete(job_id)
        assert self.ask("DELETE", f"/v1/jobs/{job_id}").status == wanted
        if job_id not in self.model.jobs:
            self.world.answered.discard(job_id)

    # What workers do.

    @rule()
    def claim(self) -> None:
        queued = self.model.having(JobStatus.QUEUED)
        self.world.until_all_are_rung_for()  # until then a claim may pass over a job
        held = self.world.worker.claim()
        assert (held is None) == (not queued)
        if held is None:
            return
        assert held.job_id in queued
        self.model.claimed(held.job_id)
        job = self.model.jobs[held.job_id]
        assert (held.attempt, held.step) == (job.attempt, job.checkpoint)
        self.held.append(held)

    @precondition(lambda self: self.held)
    @rule(which=WHICH)
    def train(self, which: int) -> None:
        held = self.held[which % len(self.held)]
        wishes = self.world.worker.train(held)
        job = self.model.jobs[held.job_id]
        assert (wishes.cancel, wishes.stop) == (job.cancel, job.stop)
        job.checkpoint = held.step

    @precondition(lambda self: self.held)
    @rule(which=WHICH, ending=st.sampled_from(["succeed", "fail", "release"]))
    def end(self, which: int, ending: str) -> None:
        held = self.held.pop(which % len(self.held))
        job = self.model.jobs[held.job_id]
        getattr(self.world.worker, ending)(held)
        if ending == "release":
            self.model.released(held.job_id)
        else:
            job.status = JobStatus.SUCCEEDED if ending == "succeed" else JobStatus.FAILED

    @precondition(lambda self: self._given_up())
    @rule(which=WHICH)
    def obey(self, which: int) -> None:
        given_up = self._given_up()
        held = given_up[which % len(given_up)]
        self.held.remove(held)
        self.world.worker.obey(held)
        self.model.jobs[held.job_id].status = JobStatus.CANCELLED

    def _given_up(self) -> list[Held]:
        return [held for held in self.held if self.model.jobs[held.job_id].cancel]

    @precondition(lambda self: self.held)
    @rule(which=WHICH)
    def fall_silent(self, which: int) -> None:
        held = self.held.pop(which % len(self.held))
        self.world.worker.lapse(held)
        installation = self.world.installation
        path = f"/v1/jobs/{held.job_id}"
        installation.until(
            lambda: self.ask("GET", path).body["status"] != JobStatus.RUNNING, "it is given up"
        )
        self.model.lost(held.job_id)
        self.fenced.append(held)

    @precondition(lambda self: self.fenced)
    @rule(which=WHICH, what=st.sampled_from(["train", "succeed", "fail", "release", "obey"]))
    def come_back_from_the_dead(self, which: int, what: str) -> None:
        held = self.fenced[which % len(self.fenced)]
        act: Callable[[Held], object] = getattr(self.world.worker, what)
        job = self.model.jobs.get(held.job_id)
        if job and (job.attempt, job.status) == (held.attempt, SAME_END.get(what)):
            act(held)  # as if sent again: it changes nothing
        else:
            with pytest.raises(Fenced):
                act(held)

    # What else happens.

    @precondition(lambda self: self.num_strikes < MOST_STRIKES)
    @rule(fault=FAULTS)
    def strike(self, fault: str) -> None:
        self.num_strikes += 1
        self.world.strike(fault)

    @invariant()
    def the_platform_is_as_the_model(self) -> None:
        listed = self.ask("GET", "/v1/jobs?limit=200").body["items"]
        assert [job["id"] for job in listed] == sorted(self.model.jobs, reverse=True)
        for job in listed:
            wanted = self.model.jobs[job["id"]]
            assert (job["status"], job["attempt"]) == (wanted.status, wanted.attempt)

    @rule(which=WHICH)
    def look(self, which: int) -> None:
        job_id = self.pick(self.known, which)
        answer = self.ask("GET", f"/v1/jobs/{job_id}")
        job = self.model.jobs.get(job_id)
        if job is None:
            assert answer.status == HTTPStatus.NOT_FOUND
            return
        seen = answer.body
        assert (seen["lost_attempts"], len(seen["attempts"])) == (job.lost, job.attempt)
        wishes = (seen["cancel_requested_at"], seen["stop_requested_at"])
        assert tuple(wish is not None for wish in wishes) == (job.cancel, job.stop)

    def teardown(self) -> None:
        """Leave nothing that the next example's worker could claim."""
        for held in getattr(self, "held", []):
            self.world.worker.release(held)
        for job_id in getattr(self, "known", []):
            self.ask("POST", f"/v1/jobs/{job_id}/cancel")


def spec(seed: int) -> Any:
    return chain_spec(seed=seed, epochs=3, step_ms=1, max_attempts=MAX_ATTEMPTS)


@pytest.fixture
def world(
    lone_installation: Installation, own_postgres: Postgres, own_redis: Redis
) -> Iterator[World]:
    world = World(lone_installation, own_postgres, own_redis)
    yield world
    lone_installation.acknowledged += sorted(world.answered)


def test_the_platform_does_as_its_model(world: World) -> None:
    machine = type("Life", (Life,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=NUM_EXAMPLES,
            stateful_step_count=NUM_STEPS,
            derandomize=EXAMPLES is None,
            # Making a counterexample smaller takes as long as many examples.
            phases=(Phase.generate,) if EXAMPLES is None else tuple(Phase),
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    train_what_is_left(world)


def train_what_is_left(world: World) -> None:
    """A real worker finishes what workers by hand began: from their checkpoints, to their end."""
    installation = world.installation
    with db.writing(installation.engine) as connection:
        cancelled = sa.select(jobs.c.id, jobs.c.tenant).where(jobs.c.status == JobStatus.CANCELLED)
        last = cancelled.order_by(jobs.c.id.desc()).limit(MOST_TRAINED_AT_THE_END)
        left = [wishes.retry(connection, row.tenant, row.id).id for row in connection.execute(last)]
    assert left
    world.until_all_are_rung_for()
    begun = world.worker.claim()
    assert begun is not None
    world.worker.train(begun)
    world.worker.release(begun)
    installation.start("worker")
    installation.until_final(*left)
    with db.reading(installation.engine) as connection:
        ends = connection.scalars(sa.select(jobs.c.status).where(jobs.c.id.in_(left)))
        assert set(ends) == {JobStatus.SUCCEEDED}
