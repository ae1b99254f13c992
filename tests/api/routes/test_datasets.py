from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from jobs.settings import Settings
from tests.api.conftest import Platform, make_settings


@pytest.fixture
def settings(api_database: str, tmp_path: Path) -> Settings:
    root = tmp_path / "data"
    for split in ("train", "val"):
        for name in ("cat", "dog"):
            (root / "pets" / "small" / split / name).mkdir(parents=True)
    (root / "linked").symlink_to(root / "pets" / "small")
    return make_settings(api_database, tmp_path, data_roots=(root,))


def test_datasets_are_the_built_in_ones_and_the_folders(client: TestClient) -> None:
    items = {item["name"]: item for item in client.get("/v1/datasets").json()["items"]}

    assert items["digits"]["num_classes"] == 10
    assert len(items["digits"]["digest"]) == 64
    assert items["pets/small"] == {
        "name": "pets/small",
        "kind": "folder",
        "num_classes": 2,
        "in_channels": 3,
        "description": items["pets/small"]["description"],
        "digest": None,
        "num_train": None,
        "num_test": None,
    }


def test_a_folder_has_a_name_with_slashes(client: TestClient) -> None:
    answer = client.get("/v1/datasets/pets/small")

    assert (answer.status_code, answer.json()["name"]) == (200, "pets/small")


@pytest.mark.parametrize(
    "name", ["nothing", "linked", "..%2F..%2Fetc", "../pets", "%00", "pets", "x" * 300, ""]
)
def test_what_is_no_dataset_is_404_and_tells_no_path(
    client: TestClient, settings: Settings, name: str
) -> None:
    answer = client.get(f"/v1/datasets/{name}")

    assert answer.status_code == 404
    assert str(settings.data_roots[0]) not in answer.text


def test_a_job_on_a_link_is_refused(client: TestClient, app: FastAPI, platform: Platform) -> None:
    spec = {
        "model": {"name": "mobilenet_v2"},
        "data": {"dataset": "linked"},
        "training": {"epochs": 1},
    }

    answer = client.post("/v1/jobs", json=spec)

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/spec-refused")
    assert answer.json()["errors"][0]["pointer"] == "/data/dataset"
