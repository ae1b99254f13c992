"""Studies through the command line, as real jobs on real digits."""

import csv
import itertools
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netaug_client.client import Client
from netaug_client.studies import files, results
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.voc_writer import write_voc
from netaug_core.study_metric import OF_DETECTION
from tests.netaug_client.conftest import NETAUG, Run, Up, clean_environment
from tests.netaug_client.studies import grids
from tests.netaug_core import detection_sets
from tests.small_network import SMALL_BACKBONE, SMALL_MODEL

TINY = {
    "models": {"w10": {"model": SMALL_MODEL}},
    "methods": {
        "plain": {},
        "netaug": {
            "augment": {
                "width_multipliers": [1.0, 1.5],
                "expand_multipliers": [1.0, 1.5],
                "calibration_images": 256,
            }
        },
    },
    "references": [],
    "seeds": [0, 1],
}
ENDED_S = 400


def write(tmp_path: Path, name: str, **changes: object) -> Path:
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps({**grids.DOCUMENT, **TINY, "name": name, **changes}))
    return path


@pytest.mark.timeout(ENDED_S)
def test_a_study_killed_in_the_middle_goes_on_and_makes_no_job_twice(
    up: Up, client: Client, tmp_path: Path
) -> None:
    file, out = write(tmp_path, "killed"), tmp_path / "out"
    command = [*NETAUG, "study", "run", str(file), "--out", str(out)]
    server = {"NETAUG_URL": up.url, "NETAUG_API_KEY": up.key}
    environment = clean_environment(tmp_path, **server)
    first = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert first.stderr is not None
    assert "succeeded" in first.stderr.readline()
    first.kill()
    first.communicate()
    before = {job.id for job in client.jobs.list(tags=("study:killed",))}

    second = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=ENDED_S
    )

    assert second.returncode == 0, second.stderr
    after = {job.id for job in client.jobs.list(tags=("study:killed",))}
    assert len(after) == 4
    assert before <= after
    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert {row["job_id"] for row in rows} == after
    assert {(row["method"], row["seed"]) for row in rows} == {
        (method, seed) for method in ("plain", "netaug") for seed in ("0", "1")
    }
    for row in rows:
        result = client.jobs.get(row["job_id"]).details.result or {}
        assert float(row["test_accuracy"]) == result["test_accuracy"]
    assert (out / "report.md").read_text() in second.stdout
    names = {"results.csv", "summary.csv", "report.md", "plot.png", "plot.svg"}
    assert {path.name for path in out.iterdir()} == names


SCENES = {
    **grids.SCENES,
    "job": {
        **grids.SCENES["job"],
        "detection": {"anchors": [[side, side] for side in range(4, 22, 2)], "crop": False},
        "data": {"dataset": "scenes", "batch_size": 8, "validation_fraction": 0.25},
        "training": {"epochs": 15, "learning_rate": 0.01},
    },
    "models": {f"in{size}": {"model": {**SMALL_BACKBONE, "input_size": size}} for size in (64, 96)},
    "methods": {"plain": {}, "pretrained": {"pretrained": {"weights": "@backbone-{seed}"}}},
    "teachers": {
        "backbone-0": {
            "task": "classification",
            "detection": None,
            "model": {**SMALL_BACKBONE, "input_size": 32},
            "data": {"dataset": "crops", "batch_size": 4},
        }
    },
    "seeds": [0],
}


def write_scenes(folder: Path) -> None:
    """VOC's layout, with enough noise for statistics of a batch that fit the weights."""
    parts = {}
    for name, times in (("trainval", 6), ("test", 1)):
        several = [
            detection_sets.part(folder / "JPEGImages", f"{name}{time}") for time in range(times)
        ]
        parts[name] = DetectionPart(
            tuple(path for part in several for path in part.paths),
            tuple(one for part in several for one in part.annotations),
        )
    write_voc(folder, parts, detection_sets.CLASSES)


def write_crops(folder: Path) -> None:
    """An ImageFolder of noise."""
    random = np.random.default_rng(0)
    for part, name, number in itertools.product(("train", "val"), ("bag", "coat"), range(16)):
        path = folder / part / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(path)


@pytest.mark.timeout(ENDED_S)
def test_detectors_start_from_a_classifiers_backbone_and_are_compared_by_macs(
    tmp_path: Path,
) -> None:
    write_scenes(tmp_path / "data" / "scenes")
    write_crops(tmp_path / "data" / "crops")
    file, out = tmp_path / "scenes.json", tmp_path / "out"
    file.write_text(json.dumps(SCENES))
    up = ("up", "--state", str(tmp_path / "state"), "--port", "0", "--threads", "1")
    run = (*NETAUG, "study", "run", str(file), "--out", str(out))
    ended = subprocess.run(
        [*NETAUG, *up, "--data", str(tmp_path / "data"), "--", *run],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=ENDED_S,
    )

    assert ended.returncode == 0, ended.stderr
    assert "@backbone-0 seed 0: succeeded, top-1 accuracy" in ended.stderr
    assert "in64 plain seed 0: succeeded, AP50" in ended.stderr
    backbone, *rows = results.read(out / "results.csv")
    assert backbone.test_accuracy is not None
    assert len(rows) == 4
    assert all(row.score(metric) is not None for row in rows for metric in OF_DETECTION["ap50"])
    saved = list(csv.DictReader((out / "macs.csv").read_text().splitlines()))
    assert [line["model"] for line in saved] == ["in64", "in96"]


@pytest.mark.timeout(ENDED_S)
def test_a_failed_job_exits_5_and_does_not_stop_the_others(
    netaug: Run, client: Client, tmp_path: Path
) -> None:
    diverging = {"training": {"learning_rate": 100.0, "epochs": 50}}
    methods = {"broken": diverging, "plain": {}}
    models = grids.DOCUMENT["models"]  # deep enough to diverge
    file = write(tmp_path, "broken", models=models, methods=methods, seeds=[0])
    ended = netaug("study", "run", str(file), "--no-plot", "-o", str(tmp_path / "out"))
    assert ended.returncode == 5, ended.stderr
    assert "w10 broken seed 0: failed, diverged" in ended.stderr
    assert "w10 plain seed 0: succeeded" in ended.stderr
    assert "| w10 | broken | 0 | failed |" in ended.stdout

    report = netaug("study", "report", str(file), "--no-plot", "-o", str(tmp_path / "again"))
    assert report.returncode == 5
    written = (tmp_path / "out" / "results.csv").read_bytes()
    assert (tmp_path / "again" / "results.csv").read_bytes() == written
    assert len(client.jobs.list(tags=("study:broken",))) == 2


def test_a_deleted_job_is_submitted_again_and_a_cancelled_one_only_when_asked(
    netaug: Run, client: Client, tmp_path: Path
) -> None:
    file = write(tmp_path, "gone", methods={"plain": {}}, seeds=[0])
    once = ("study", "run", str(file), "--no-plot", "-o", str(tmp_path / "out"), "--timeout", "0")
    assert netaug(*once).returncode == 124
    (first,) = client.jobs.list(tags=("study:gone",))
    client.jobs.get(first.id).cancel().wait(timeout=60)
    client.jobs.get(first.id).delete()

    assert netaug(*once).returncode == 124
    (second,) = client.jobs.list(tags=("study:gone",))
    assert second.id != first.id
    client.jobs.get(second.id).cancel().wait(timeout=60)
    assert netaug(*once).returncode == 5
    assert netaug(*once, "--retry").returncode == 124
    (third,) = client.jobs.list(tags=("study:gone",))
    assert third.id == second.id
    client.jobs.get(third.id).cancel().wait(timeout=60)


def test_a_bad_study_is_a_usage_error_that_names_the_job(netaug: Run, tmp_path: Path) -> None:
    methods = {"plain": {}, "netaug": {"augment": {"alpha": 99.0}}}
    ended = netaug("study", "run", str(write(tmp_path, "bad", methods=methods)))
    assert ended.returncode == 2
    told = " ".join(ended.stderr.replace("│", " ").split())
    assert "model w10, method netaug: augment.alpha" in told


def test_a_study_is_shown_without_a_server(netaug: Run, tmp_path: Path) -> None:
    file = write(tmp_path, "shown")
    ended = netaug("study", "show", str(file), "--set", "seeds=[7]", NETAUG_URL="")
    assert ended.stdout.splitlines()[1:] == ["w10\tplain\t7\t", "w10\tnetaug\t7\t"]


def test_results_are_reported_again_without_a_server(netaug: Run, tmp_path: Path) -> None:
    files.write(grids.study(), grids.rows(), tmp_path / "first", with_plot=True)
    file = tmp_path / "grid.json"
    file.write_text(json.dumps(grids.DOCUMENT))
    table = str(tmp_path / "first" / "results.csv")
    ended = netaug(
        *("study", "report", str(file), "--results", table, "-o", str(tmp_path / "second")),
        NETAUG_URL="",
    )
    assert ended.returncode == 0, ended.stderr
    for path in (tmp_path / "first").iterdir():
        assert (tmp_path / "second" / path.name).read_bytes() == path.read_bytes()


def test_without_a_server_the_form_that_starts_one_is_told(netaug: Run, tmp_path: Path) -> None:
    file = write(tmp_path, "nowhere")
    ended = netaug("study", "run", str(file), NETAUG_URL="", NETAUG_API_KEY="")
    assert ended.returncode == 1
    assert f"netaug up -- netaug study run {file}" in ended.stderr
