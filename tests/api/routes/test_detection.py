"""Detection jobs at the door: their datasets, their cost, and each bad one told."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from jobs.settings import Settings
from tests.api.conftest import make_settings
from tests.netaug_core import detection_sets, shapes

SPEC: dict[str, Any] = {
    "name": "scenes",
    "task": "detection",
    "model": {"name": "mobilenet_v2", "width": 0.1, "input_size": 96},
    "data": {"dataset": "scenes"},
    "training": {"epochs": 1},
}
SQUARES = [[8.0 * side, 8.0 * side] for side in range(1, 10)]
NARROW = {**SPEC["model"], "stem_stride": 1}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Scenes in two forms, such as do not say their classes, and an ImageFolder."""
    root = tmp_path / "data"
    detection_sets.write_voc_folder(root / "scenes")
    detection_sets.write_coco_folder(root / "outdoors" / "coco")
    detection_sets.write_voc_folder(root / "nameless")
    (root / "nameless" / "classes.txt").unlink()
    detection_sets.write_coco_folder(root / "damaged")
    (root / "damaged" / "annotations" / "instances_val.json").write_text("{}")
    shapes.write_folder(root / "stripes")
    return root


@pytest.fixture
def settings(api_database: str, tmp_path: Path, root: Path) -> Settings:
    return make_settings(api_database, tmp_path, data_roots=(root,))


def test_datasets_of_objects_are_listed_and_those_without_classes_are_not(
    client: TestClient,
) -> None:
    listed = client.get("/v1/datasets").json()["items"]

    kinds = {item["name"]: item["kind"] for item in listed if item["kind"] != "builtin"}
    assert kinds == {"outdoors/coco": "detection", "scenes": "detection", "stripes": "folder"}


def test_a_dataset_of_objects_tells_its_form_and_number_of_classes(client: TestClient) -> None:
    answer = client.get("/v1/datasets/outdoors/coco")

    assert answer.status_code == 200
    assert (answer.json()["num_classes"], answer.json()["in_channels"]) == (3, 3)
    assert "COCO" in answer.json()["description"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("nameless", "needs classes.txt, which names its"), ("damaged", "it needs categories")],
)
def test_a_dataset_that_does_not_say_its_classes_is_404_and_422_and_tells_no_path(
    client: TestClient, root: Path, name: str, said: str
) -> None:
    got = client.get(f"/v1/datasets/{name}")
    posted = client.post("/v1/jobs", json={**SPEC, "data": {"dataset": name}})

    assert (got.status_code, posted.status_code) == (404, 422)
    assert [error["pointer"] for error in posted.json()["errors"]] == ["/data/dataset"]
    for answer in (got, posted):
        assert said in answer.json()["detail"]
        assert str(root) not in answer.text


def test_a_detection_job_is_stored_with_its_cost(client: TestClient) -> None:
    answer = client.post("/v1/jobs", json={**SPEC, "detection": {"anchors": SQUARES}})
    plain = {**SPEC, "task": "classification", "data": {"dataset": "stripes"}}
    backbone = client.post("/v1/jobs?dry_run=true", json=plain).json()

    job = answer.json()
    assert answer.status_code == 202, answer.text
    assert client.get(answer.headers["location"]).json()["cost"] == job["cost"]
    assert job["cost"]["macs"] > backbone["cost"]["macs"]
    assert job["spec"]["detection"]["detector"] == "yolov3"
    assert job["spec"]["detection"]["anchors"] == SQUARES


def test_a_classification_job_has_no_detection_section(client: TestClient) -> None:
    plain = {**SPEC, "task": "classification", "data": {"dataset": "stripes"}}

    assert client.post("/v1/jobs", json=plain).json()["spec"]["detection"] is None


@pytest.mark.parametrize(
    ("changes", "pointer", "said"),
    [
        ({"data": {"dataset": "digits"}}, "/data/dataset", "name one of kind detection"),
        ({"data": {"dataset": "nothing"}}, "/data/dataset", "`netaug datasets list` shows them"),
        ({"task": "classification"}, "/data/dataset", "set task to detection, or name one of"),
        ({"task": "drawing"}, "/task", "'classification' or 'detection'; got \"drawing\""),
        ({"detection": 7}, "/detection", "should be an object; got 7"),
        ({"detection": None}, "", "detection is null: leave it out for the paper's detector"),
        ({"detection": {"neck": 1}}, "/detection/neck", "there is no such field; leave it out"),
        ({"detection": {"detector": "rcnn"}}, "/detection/detector", "'yolov3' or 'ssdlite'"),
        ({"detection": {"anchors": SQUARES[1:]}}, "/detection/anchors", "give 9 anchors, three"),
        (
            {"detection": {"anchors": [[0, 8], *SQUARES[1:]]}},
            "/detection/anchors",
            "anchor 0 needs a width and a height above 0 pixels; got [0.0, 8.0]",
        ),
        (
            {"detection": {"detector": "ssdlite", "anchors": SQUARES}},
            "/detection",
            "leave anchors out, or use yolov3",
        ),
        ({"detection": {"width": 0.5}}, "/detection", "set model.width for the backbone"),
        (
            {"detection": {"sides": [96, 100]}},
            "",
            "detection.sides.1: must be a multiple of 32 for yolov3; got 100; use 96 or 128",
        ),
        ({"model": NARROW}, "", "none at 32; use a stem of stride 2, or a network that goes on"),
        ({"data": {"dataset": "scenes", "crop": "resized"}}, "", "data.crop is for classification"),
        ({"distillation": {"teacher": "job_1"}}, "", "distillation is for classification"),
        (
            {"pretrained": {"weights": "job_1"}},
            "/pretrained/weights",
            "there is no job job_1; `GET",
        ),
    ],
)
def test_a_bad_detection_job_is_422_with_field_value_and_remedy(
    client: TestClient, changes: dict[str, Any], pointer: str, said: str
) -> None:
    answer = client.post("/v1/jobs", json={**SPEC, **changes})

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert said in answer.json()["errors"][0]["detail"]
    assert client.get("/v1/jobs").json()["items"] == []
