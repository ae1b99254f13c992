"""What people see of a job that was disturbed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from netaug_client.cli import output
from netaug_client.models import JobDetails

NOW = datetime.now(UTC)
COST = {"params": 1, "macs": 2, "peak_activation_bytes": 3, "peak_layer": "stem"}


def attempt(number: int, outcome: str, **more: Any) -> dict[str, Any]:
    return {
        "attempt": number,
        "worker": f"w{number}",
        "started_at": NOW,
        "outcome": outcome,
        **more,
    }


def job(attempts: list[dict[str, Any]], receipt: dict[str, Any]) -> JobDetails:
    return JobDetails.model_validate(
        {
            **{"id": "job_1", "name": "one", "tags": [], "status": "succeeded", "attempt": 2},
            **{"model": "mobilenet_v2", "dataset": "digits", "created_at": NOW, "spec": {}},
            **{"cost": COST, "max_attempts": 3, "lost_attempts": 1},
            **{"attempts": attempts, "receipt": receipt},
        }
    )


def summed(attempts: int, *, equal: bool | None, statement: str) -> dict[str, Any]:
    told = {"attempts": attempts, "lost_steps": 17, "lost_seconds": 83.0}
    return {**told, "equals_undisturbed": equal, "statement": statement}


def test_who_ran_it_from_where_what_was_lost_and_why_it_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lost = {"lost_steps": 17, "lost_seconds": 83.0, "message": "the machine went away"}
    attempts = [
        attempt(1, "lost", from_step=0, last_step=57, **lost),
        attempt(2, "succeeded", from_step=40, lost_steps=0, lost_seconds=0.0),
    ]
    output.print_job(job(attempts, summed(2, equal=True, statement="same threads")))

    assert capsys.readouterr().out.splitlines()[-3:] == [
        "attempt 1       w1, from step 0, lost (the machine went away), lost 17 steps and 1m",
        "attempt 2       w2, from step 40, succeeded",
        "crash receipt   2 attempts, 17 steps and 1m lost; "
        "equal to an undisturbed run: same threads",
    ]


def test_one_step_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_job(
        job(
            [attempt(1, "lost", from_step=0, lost_steps=1)],
            {**summed(2, equal=None, statement=""), "lost_steps": 1},
        )
    )

    told = capsys.readouterr().out.splitlines()[-2:]
    assert told[0] == "attempt 1       w1, from step 0, lost, lost 1 step and 0s"
    assert told[1].startswith("crash receipt   2 attempts, 1 step and 1m lost")


def test_what_cannot_be_said_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_job(job([], summed(2, equal=None, statement="they differ in threads (1, 4)")))

    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "crash receipt   2 attempts, 17 steps and 1m lost; they differ in threads (1, 4)"


def test_an_undisturbed_job_has_no_receipt_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_job(job([], summed(1, equal=True, statement="one attempt")))

    assert "crash receipt" not in capsys.readouterr().out
