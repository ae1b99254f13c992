"""`netaug profile` and `netaug boards` where no server is configured."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from netaug_core.boards import BOARDS
from netaug_core.deployment import verdicts
from netaug_core.spec import JobSpec
from tests.netaug_client.conftest import NETAUG, clean_environment

DOCUMENT: dict[str, Any] = {
    "model": {"name": "mobilenet_v2", "width": 0.35, "input_size": 96},
    "data": {"dataset": "digits"},
    "training": {"epochs": 1},
}
TIGHT = {"board": "max78000-fthr", "sram_bytes": 50_000}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "job.yaml"
    path.write_text(json.dumps(DOCUMENT))
    return path


def netaug(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*NETAUG, *arguments],
        env=clean_environment(home),
        capture_output=True,
        text=True,
        timeout=60,
    )


def said(ended: "subprocess.CompletedProcess[str]") -> str:
    return " ".join(ended.stderr.replace("│", " ").split())


def test_a_profile_is_a_table_of_layers_and_a_summary(tmp_path: Path, file: Path) -> None:
    ended = netaug(tmp_path, "profile", str(file))

    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, ended.stderr
    assert lines[0].split("\t")[0] == "LAYER"
    assert lines[1].split("\t")[:3] == ["stem", "conv 3 x 3", "48 x 48 x 16"]
    assert lines[-1].startswith("arena ")
    assert "target" not in ended.stdout


def test_json_is_the_whole_report(tmp_path: Path, file: Path) -> None:
    ended = netaug(tmp_path, "profile", str(file), "--board", "nrf52840-dk", "--json")

    spec = JobSpec.model_validate({**DOCUMENT, "target": {"board": "nrf52840-dk"}})
    report = verdicts.report(spec, num_classes=10, in_channels=1)
    assert json.loads(ended.stdout) == json.loads(json.dumps(report.facts()))


def test_what_does_not_fit_exits_1_and_says_what_helps(tmp_path: Path, file: Path) -> None:
    file.write_text(json.dumps({**DOCUMENT, "target": TIGHT}))

    ended = netaug(tmp_path, "profile", str(file))

    assert ended.returncode == 1
    assert "max78000-fthr has 50,000; set model.input_size to " in ended.stdout.splitlines()[-1]


def test_another_board_is_judged_in_the_place_of_the_target(tmp_path: Path, file: Path) -> None:
    file.write_text(json.dumps({**DOCUMENT, "target": TIGHT}))

    ended = netaug(tmp_path, "profile", str(file), "--board", "raspberry-pi-pico-2")

    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.splitlines()[-1] == "target     it fits raspberry-pi-pico-2"


def test_a_change_is_profiled(tmp_path: Path, file: Path) -> None:
    ended = netaug(tmp_path, "profile", str(file), "--set", "model.input_size=64", "--json")

    assert json.loads(ended.stdout)["input_size"] == 64


def test_an_unknown_board_is_a_usage_error_with_similar_ones(tmp_path: Path, file: Path) -> None:
    ended = netaug(tmp_path, "profile", str(file), "--board", "nrf52840")

    assert ended.returncode == 2
    assert "similar are nrf52840-dk" in said(ended)


def test_a_dataset_that_is_elsewhere_needs_its_classes(tmp_path: Path, file: Path) -> None:
    elsewhere = ("profile", str(file), "--set", "data.dataset=flowers")

    refused = netaug(tmp_path, *elsewhere)
    told = json.loads(netaug(tmp_path, *elsewhere, "--classes", "102", "--json").stdout)

    assert refused.returncode == 2
    assert "or give --classes" in said(refused)
    assert (told["num_classes"], told["in_channels"]) == (102, 3)


def test_a_folder_is_found_below_its_root(tmp_path: Path, file: Path) -> None:
    for part in ("train", "val"):
        for label in "abc":
            (tmp_path / "pictures" / "abc" / part / label).mkdir(parents=True)
    options = ("--set", "data.dataset=abc", "--data", str(tmp_path / "pictures"), "--json")

    told = json.loads(netaug(tmp_path, "profile", str(file), *options).stdout)

    assert (told["num_classes"], told["in_channels"]) == (3, 3)


def test_boards_are_a_table_or_json(tmp_path: Path) -> None:
    table = netaug(tmp_path, "boards", "list").stdout.splitlines()
    items = json.loads(netaug(tmp_path, "boards", "list", "--json").stdout)["items"]

    names = [board.name for board in BOARDS]
    assert [line.split("\t")[0] for line in table] == ["NAME", *names]
    assert items == [vars(board) for board in BOARDS]


def test_a_profile_does_not_load_torch() -> None:
    code = (
        "import sys, netaug_client.cli.profiles, netaug_client.cli.boards;"
        "print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    )

    ended = subprocess.run([NETAUG[0], "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"
