"""Jobs that wait, and the quota, as a user of the command line sees them."""

import json
from pathlib import Path

from netaug_client.cli.watch import waiting
from netaug_client.client import Client
from tests.netaug_client.conftest import TINY, Run

LATER = "resources.run_after=2999-01-31T12:00:00Z"


def test_a_job_after_another_says_what_it_waits_for(netaug: Run, spec_file: Path) -> None:
    submit = ("jobs", "submit", "-f", str(spec_file))
    first = netaug(*submit, "--set", LATER).stdout.strip()
    last = netaug(*submit, "--after", first).stdout.strip()

    assert f"waits for       the success of {first}" in netaug("jobs", "get", last).stdout
    shown = netaug("jobs", "get", first).stdout
    assert "waits for       its time, 2999-01-31T12:00:00Z" in shown
    assert "starts about    2999-01-31" in shown
    watched = netaug("jobs", "watch", last, "--timeout", "0")
    assert f"queued, waits for the success of {first}" in watched.stderr

    assert netaug("jobs", "cancel", first).returncode == 0
    ended = netaug("jobs", "watch", last)  # the dispatcher ends it
    assert ended.returncode == 5
    assert f"job {first} did not succeed" in ended.stdout


def test_a_job_that_is_not_there_cannot_be_waited_for(netaug: Run, spec_file: Path) -> None:
    unknown = f"job_{'0' * 32}"
    ended = netaug("jobs", "submit", "-f", str(spec_file), "--after", unknown)
    assert ended.returncode == 2
    assert f"there is no job {unknown}" in ended.stderr


def test_the_quota_is_shown_with_what_is_used(netaug: Run, client: Client) -> None:
    shown = netaug("quota")
    assert "no limit" in shown.stdout
    assert "share: weight 1" in shown.stdout
    assert json.loads(netaug("quota", "--json").stdout)["max_queued"] is None
    assert client.quota().stored_bytes >= 0


def test_the_start_is_told_by_this_machines_clock(client: Client) -> None:
    job = client.jobs.submit({**TINY, "resources": {"run_after": "2999-01-31T12:00:00Z"}})
    told = waiting(job.refresh().details)
    assert "starts about 2999-01-31" in told
    job.cancel()
