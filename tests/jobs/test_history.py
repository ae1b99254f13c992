"""Long histories in few points, on both databases."""

import pytest
import sqlalchemy as sa

from jobs import endings, history, lifecycle
from jobs.recording import Report
from jobs.records import MetricPoint
from tests.builders import claim, submit

SPIKE, DIP = 437, 438


def _measure(connection: sa.Connection, attempt: int, values: dict[int, float]) -> str:
    """A claimed job that was queued before, with these losses and a constant rate."""
    claimed = claim(connection)
    assert claimed.job.attempt == attempt
    points = [
        MetricPoint(key, step, 0, value if key == "loss" else 0.1, epoch_end=step % 100 == 99)
        for step, value in values.items()
        for key in ("loss", "rate")
    ]
    news = Report(batch=1, metrics=tuple(points))
    lifecycle.report(connection, claimed.job.id, attempt, news, lease_seconds=60.0)
    return claimed.job.id


def _steps(points: list[MetricPoint], key: str) -> list[int]:
    return [point.step for point in points if point.key == key]


def test_no_spike_is_lost_and_a_flat_curve_is_its_first_points(connection: sa.Connection) -> None:
    submit(connection)
    values = {step: 1.0 / (step + 1) for step in range(1000)} | {SPIKE: 90.0, DIP: -90.0}
    job_id = _measure(connection, 1, values)

    points = history.sample(connection, job_id, max_points=20)

    steps = _steps(points, "loss")
    assert len(steps) == 20  # the smallest and the largest of ten stretches of 100 steps
    assert {0, 99, SPIKE, DIP, 900, 999} <= set(steps)
    assert all(point.value == values[point.step] for point in points if point.key == "loss")
    assert _steps(points, "rate") == list(range(0, 1000, 100))
    assert points == sorted(points, key=lambda point: (point.step, point.key))


def test_the_newest_attempt_counts(connection: sa.Connection) -> None:
    submit(connection)
    job_id = _measure(connection, 1, dict.fromkeys(range(10), 50.0))
    endings.release(connection, job_id, 1)
    _measure(connection, 2, {step: float(step) for step in range(5, 10)})

    points = history.sample(connection, job_id, max_points=2, keys=("loss",))

    assert [(point.step, point.value) for point in points] == [(0, 50.0), (5, 5.0)]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_left_out(connection: sa.Connection, value: float) -> None:
    submit(connection)
    job_id = _measure(connection, 1, {0: 1.0, 1: value, 2: 0.5})

    points = history.sample(connection, job_id, max_points=6, keys=("loss",), epoch_end=False)

    assert _steps(points, "loss") == [0, 2]
