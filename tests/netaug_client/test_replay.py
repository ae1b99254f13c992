"""Finished jobs are run again, for real: the same bits, also after a kill -9 in the middle."""

import json
import math
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from netaug_client import replay
from netaug_client.client import Client
from netaug_client.errors import DataChanged, NotReplayable
from netaug_client.jobs import Job
from netaug_client.models import Input, Lock, MetricPoint
from netaug_client.replay import Change, Gap, Verdict
from tests.netaug_client.conftest import TINY, TRAINED_S, Run, Up

LONG = {
    **TINY,
    "training": {"epochs": 3, "checkpoint_interval_seconds": 0.0},
    "resources": {"max_attempts": 5},
}


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + TRAINED_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def trainers(up: Up) -> list[psutil.Process]:
    """The processes that train, below the platform, without their guards."""
    found = []
    for process in psutil.Process(up.process.pid).children(recursive=True):
        command = " ".join(process.cmdline())
        if "netaug_core" in command and "guard.py" not in command:
            found.append(process)
    return found


@pytest.fixture(scope="module")
def killed_id(up: Up) -> str:
    """A job whose trainer was killed after its first checkpoint, and that succeeded."""
    with Client(up.url, up.key) as client:
        job = client.jobs.submit(LONG)
        until(lambda: any(event.type == "checkpoint" for event in job.events_page()))
        for trainer in trainers(up):
            trainer.kill()
        job.wait(timeout=TRAINED_S)
    assert job.status == "succeeded", job.details.failure
    return job.id


@pytest.fixture
def killed(client: Client, killed_id: str) -> Job:
    return client.jobs.get(killed_id)


def test_a_killed_and_resumed_job_is_replayed_to_the_same_bits(netaug: Run, killed: Job) -> None:
    assert killed.details.receipt is not None
    assert killed.details.receipt.attempts > 1
    assert killed.details.receipt.equals_undisturbed, killed.details.receipt.statement

    ended = netaug("jobs", "replay", killed.id, "--json")

    told = json.loads(ended.stdout)
    assert (ended.returncode, told["verdict"]) == (0, "identical"), ended.stderr
    assert (told["first_difference"], told["changes"]) == (None, [])
    assert told["compared"] > 0


def test_a_job_of_other_epochs_differs_and_where(killed: Job, trained: Job) -> None:
    compared = replay.compare(trained, killed)
    assert compared.verdict is Verdict.DIFFERS
    assert compared.first is not None
    assert compared.first.step == min(point.step for point in trained.metrics(epoch_end=True))


def test_changed_data_are_refused_and_the_replay_given_up(
    client: Client, netaug: Run, trained: Job
) -> None:
    then = trained.lock().model_copy(update={"dataset_digest": "ab" * 32})
    again = client.jobs.submit(LONG)
    with pytest.raises(DataChanged, match=f"{'ab' * 32}.*{trained.lock().dataset_digest}"):
        replay.began(again, then, force=False, timeout=TRAINED_S)
    assert again.wait(timeout=60).status == "cancelled"

    ended = netaug("jobs", "replay", again.id)
    assert ended.returncode == 1
    assert "name a job that has succeeded" in ended.stderr


def test_changed_data_are_told_when_it_is_forced(trained: Job) -> None:
    then = trained.lock()
    changed = then.model_copy(update={"dataset_digest": "ab" * 32})
    found = replay.began(trained, changed, force=True)
    assert found == [Change("dataset_digest", "ab" * 32, then.dataset_digest)]


def test_a_job_that_was_stopped_cannot_be_replayed(client: Client, trained: Job) -> None:
    stopped = trained.details.model_copy(update={"result": {"stopped_early": True}})
    with pytest.raises(NotReplayable, match="stopped early"):
        replay.check(Job(client.connection, stopped))


def test_the_lock_is_json(netaug: Run, trained: Job) -> None:
    ended = netaug("jobs", "lock", trained.id)
    assert Lock.model_validate_json(ended.stdout) == trained.lock()


def lock(**changes: Any) -> Lock:
    document = {"job_id": "job_1", "spec": {}, "seed": 0, "dataset": "digits", **changes}
    return Lock.model_validate(document)


def test_what_differs_between_then_and_now() -> None:
    environment = {"device": "cpu", "threads": 2, "torch_version": "2.9.0", "platform": "Linux 1"}
    now = environment | {"threads": 4, "platform": "Linux 2", "code": "ab"}
    found = replay.changes(
        lock(environment=environment, inputs=[Input(field="a.b", job_id="job_0", sha256="1")]),
        lock(environment=now, inputs=[Input(field="a.b", job_id="job_0")]),
    )
    assert found == [
        Change("a.b", "1", None),
        Change("threads", "2", "4"),
        Change("code", None, "ab"),
    ]


def point(step: int, value: float | None, key: str = "train_loss") -> MetricPoint:
    return MetricPoint(key=key, step=step, epoch=1, value=value, epoch_end=True)


def test_values_are_compared_where_both_were_measured() -> None:
    then = [point(1, 1.0), point(2, 4.0), point(3, 0.1), point(4, None), point(5, None)]
    now = [point(2, 5.0), point(3, 0.3), point(4, None), point(5, 1.0), point(6, 1.0)]
    sizes = {gap.step: gap.size for gap in replay.gaps_of(then, now)}
    assert sizes == {2: 0.2, 3: pytest.approx(0.2), 4: 0.0, 5: math.inf}


def gap(step: int, size: float) -> Gap:
    return Gap("train_loss", step, 1.0, 1.0 + size, size)


@pytest.mark.parametrize(
    ("sizes", "same_weights", "verdict", "first", "largest"),
    [
        ((0.0, 0.0), True, Verdict.IDENTICAL, None, None),
        ((0.0, 0.0), False, Verdict.WITHIN_TOLERANCE, None, None),
        ((0.0, 1e-4, 1e-3), False, Verdict.WITHIN_TOLERANCE, 1, 2),
        ((0.0, 1e-2, 1e-4), False, Verdict.DIFFERS, 1, 1),
        ((), False, Verdict.DIFFERS, None, None),
    ],
)
def test_identical_within_tolerance_or_different_first_at_a_step(
    sizes: tuple[float, ...],
    same_weights: bool,
    verdict: Verdict,
    first: int | None,
    largest: int | None,
) -> None:
    gaps = [gap(step, size) for step, size in enumerate(sizes)]
    told = replay.judge(gaps, same_weights=same_weights, tolerance=1e-3)
    steps = [None if one is None else one.step for one in (told.first, told.largest)]
    assert (told.verdict, *steps) == (verdict, first, largest)
