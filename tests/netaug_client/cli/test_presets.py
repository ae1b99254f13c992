"""`netaug presets` where no server is configured."""

import json
import subprocess
from pathlib import Path

import pytest

from netaug_client.cli import specfile
from netaug_core.presets import PRESETS
from netaug_core.spec import JobSpec
from tests.netaug_client.conftest import NETAUG, clean_environment


def presets(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*NETAUG, "presets", *arguments],
        env=clean_environment(home),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_presets_are_a_table_or_json(tmp_path: Path) -> None:
    table = presets(tmp_path, "list").stdout.splitlines()
    items = json.loads(presets(tmp_path, "list", "--json").stdout)["items"]

    assert [line.split("\t")[0] for line in table] == ["NAME", *sorted(PRESETS)]
    assert [item["name"] for item in items] == sorted(PRESETS)


def test_a_shown_preset_is_a_job_file(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(presets(tmp_path, "show", "paper/mobilenet_v3").stdout)

    spec = specfile.read(str(path), [])

    shown = spec.model_copy(update={"name": "job"})
    assert shown == JobSpec.model_validate({"preset": "paper/mobilenet_v3"})
    assert "  width_multipliers: [1.0, 2.0, 3.0]\n" in path.read_text()


def test_what_a_shown_preset_lacks_is_said_in_it_and_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(presets(tmp_path, "show", "transfer/pets/mcunet").stdout)

    spec = specfile.read(str(path), ["pretrained.weights=job_1"])

    assert spec.pretrained is not None
    assert (spec.pretrained.weights, spec.pretrained.head) == ("job_1", "new")
    assert "--set pretrained.weights=..." in path.read_text().splitlines()[1]


def test_a_shown_preset_is_json_too(tmp_path: Path) -> None:
    shown = json.loads(presets(tmp_path, "show", "transfer/pets/mcunet", "--json").stdout)

    assert shown["needs"] == ["pretrained.weights"]
    assert shown["spec"]["model"]["dropout"] == pytest.approx(0.6)


def test_an_unknown_preset_exits_3_with_the_most_similar_one(tmp_path: Path) -> None:
    ended = presets(tmp_path, "show", "pets/mcunet")

    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.startswith("error: there is no preset 'pets/mcunet', the most similar is ")


def test_the_command_for_presets_does_not_load_torch(tmp_path: Path) -> None:
    code = "import sys, netaug_client.cli.presets; print('torch' in sys.modules)"

    ended = subprocess.run([NETAUG[0], "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "False"
