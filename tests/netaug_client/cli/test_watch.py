"""Following a job in a terminal, and leaving it."""

import os
import pty
import signal
import subprocess

import pytest

from netaug_client.client import Client
from netaug_client.jobs import Job
from tests.netaug_client.conftest import NETAUG, TINY, TRAINED_S, Run, Up, clean_environment


def watch_environment(up: Up) -> dict[str, str]:
    return clean_environment(
        up.state.parent, NETAUG_URL=up.url, NETAUG_API_KEY=up.key, TERM="xterm", COLUMNS="120"
    )


@pytest.fixture
def told(client: Client) -> Job:
    """A job that has succeeded, long enough to have told its progress."""
    return client.jobs.submit({**TINY, "training": {"epochs": 30}}).wait(timeout=TRAINED_S)


def test_a_terminal_gets_a_bar_with_epoch_and_accuracy(up: Up, told: Job) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*NETAUG, "jobs", "watch", told.id],
        env=watch_environment(up),
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        printed, _ = process.communicate(timeout=60)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "succeeded, epoch 30/30" in shown
    assert b"test accuracy" in printed


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_leaves_the_job_running_and_says_so(up: Up, client: Client) -> None:
    # Long enough to be still there whenever the interrupt is taken.
    job = client.jobs.submit({**TINY, "training": {"epochs": 10_000}})
    try:
        with subprocess.Popen(
            [*NETAUG, "jobs", "watch", job.id],
            env=watch_environment(up),
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            assert process.stderr.readline() == f"job {job.id}\n"
            assert process.stderr.readline() == "queued\n"  # it follows now
            process.send_signal(signal.SIGINT)
            said = process.stderr.read()
            assert process.wait(60) == 130
        assert f"job {job.id} goes on" in said
        assert job.refresh().status in {"queued", "running"}
    finally:
        job.cancel().wait(timeout=60)


def test_a_cancelled_job_cannot_be_stopped_but_retried(netaug: Run, client: Client) -> None:
    job = client.jobs.submit(TINY)
    job.cancel().wait(timeout=60)
    refused = netaug("jobs", "stop", job.id)
    assert refused.returncode == 1
    assert "cannot be stopped" in refused.stderr
    assert netaug("jobs", "retry", job.id).stdout.startswith(job.id)
    job.cancel().wait(timeout=60)
