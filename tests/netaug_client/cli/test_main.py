"""The command line as a user meets it: exit codes, standard output, standard error."""

import json
from pathlib import Path

import pytest

from netaug_client.client import Client
from netaug_client.jobs import Job
from tests.netaug_client.conftest import TINY, Run


def test_a_job_is_submitted_followed_and_downloaded(
    netaug: Run, spec_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = netaug("jobs", "submit", "-f", str(spec_file), "--download", str(out))
    assert ended.returncode == 0, ended.stderr
    assert "epoch 1: train_loss" in ended.stderr
    assert ended.stdout.startswith("job ")
    assert "test accuracy" in ended.stdout
    assert all(path.name in ended.stdout for path in out.iterdir())


def test_a_change_is_typed_and_json_is_the_apis(netaug: Run) -> None:
    text = json.dumps(TINY)
    asked = ("--set", "training.epochs=3", "--dry-run")
    ended = netaug("jobs", "submit", "-f", "-", *asked, stdin=text)
    assert json.loads(ended.stdout)["spec"]["training"]["epochs"] == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("training.epochs=0", "training.epochs"),
        ("training.epoch=3", "training.epoch"),
        ("model.name=resnet", "no such model"),
        ("training", "field=value"),
        ("name.first=x", "name has no fields"),
    ],
)
def test_a_wrong_spec_is_a_usage_error(
    netaug: Run, spec_file: Path, change: str, message: str
) -> None:
    ended = netaug("jobs", "submit", "-f", str(spec_file), "--set", change)
    assert ended.returncode == 2
    assert message in " ".join(ended.stderr.replace("│", " ").split())
    assert ended.stdout == ""


def test_a_missing_file_and_a_list_are_usage_errors(netaug: Run) -> None:
    assert netaug("jobs", "submit", "-f", "no-such.yaml").returncode == 2
    assert netaug("jobs", "submit", "-f", "-", stdin="- a\n").returncode == 2


def test_what_is_not_there_exits_3(netaug: Run) -> None:
    assert netaug("jobs", "get", "job_nope").returncode == 3


def test_a_wrong_key_exits_4(netaug: Run) -> None:
    ended = netaug("jobs", "list", NETAUG_API_KEY="nak_wrong")
    assert ended.returncode == 4
    assert ended.stderr.startswith("error: ")


def test_a_wait_that_is_too_short_exits_124_and_a_cancelled_job_6(
    netaug: Run, spec_file: Path
) -> None:
    submitted = netaug("jobs", "submit", "-f", str(spec_file))
    job_id = submitted.stdout.strip()
    assert netaug("jobs", "watch", job_id, "--timeout", "0", "--quiet").returncode == 124
    assert netaug("jobs", "cancel", job_id).returncode == 0
    assert netaug("jobs", "watch", job_id).returncode == 6
    assert netaug("jobs", "delete", job_id).returncode == 0


def test_a_failed_job_exits_5_and_says_why(netaug: Run, spec_file: Path) -> None:
    diverging = (
        *("--set", "training.learning_rate=100.0", "--set", "training.epochs=50"),
        *("--set", 'model={"name": "mobilenet_v2", "width": 0.1, "input_size": 28}'),
    )
    ended = netaug("jobs", "submit", "-f", str(spec_file), *diverging, "--wait")
    assert ended.returncode == 5
    assert "diverged" in ended.stdout


def test_lists_and_details_are_tables_or_json(netaug: Run, trained: Job) -> None:
    assert trained.id in netaug("jobs", "list").stdout
    listed = json.loads(netaug("jobs", "list", "--json").stdout)
    assert trained.id in {job["id"] for job in listed["items"]}
    assert "test accuracy" in netaug("jobs", "get", trained.id).stdout
    assert json.loads(netaug("jobs", "get", trained.id, "--json").stdout)["id"] == trained.id


def test_logs_are_printed_and_followed_to_the_end(netaug: Run, trained: Job) -> None:
    assert netaug("jobs", "logs", trained.id).stdout.strip()
    assert netaug("jobs", "logs", trained.id, "--follow").returncode == 0


def test_a_download_prints_the_paths(netaug: Run, trained: Job, tmp_path: Path) -> None:
    ended = netaug("jobs", "download", trained.id, "metrics.csv", "--to", str(tmp_path))
    assert ended.stdout.strip() == str(tmp_path / "metrics.csv")


def test_datasets_are_listed(netaug: Run) -> None:
    assert "digits" in netaug("datasets", "list").stdout
    assert json.loads(netaug("datasets", "get", "digits").stdout)["num_classes"] == 10
    assert json.loads(netaug("datasets", "list", "--json").stdout)["items"]


def test_a_key_is_made_used_and_revoked(netaug: Run, client: Client) -> None:
    made = json.loads(netaug("keys", "create", "reader", "--scope", "read", "--json").stdout)
    assert netaug("jobs", "list", NETAUG_API_KEY=made["secret"]).returncode == 0
    assert netaug("keys", "revoke", made["id"]).returncode == 0
    assert "revoked" in netaug("keys", "list").stdout
    assert json.loads(netaug("keys", "list", "--json").stdout)["items"]


def test_the_version_is_printed(netaug: Run) -> None:
    assert netaug("version").stdout.strip().count(".") == 2
