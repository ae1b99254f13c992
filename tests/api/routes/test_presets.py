import pytest
from starlette.testclient import TestClient

from netaug_core.presets import PRESETS


def test_presets_are_listed_by_name(door: TestClient) -> None:
    items = door.get("/v1/presets").json()["items"]

    assert [item["name"] for item in items] == sorted(PRESETS)
    assert set(items[0]) == {"name", "model", "dataset", "description"}


def test_a_preset_has_a_name_with_slashes_and_a_spec_that_is_accepted(door: TestClient) -> None:
    preset = door.get("/v1/presets/paper/mcunet").json()
    data = preset["spec"]["data"] | {"dataset": "digits"}

    answer = door.post("/v1/jobs?dry_run=true", json={**preset["spec"], "data": data})

    assert (preset["name"], preset["needs"]) == ("paper/mcunet", [])
    assert answer.status_code == 200, answer.text
    assert answer.json()["spec"] == {**preset["spec"], "data": data}


def test_a_preset_for_fine_tuning_names_the_field_that_it_needs(door: TestClient) -> None:
    preset = door.get("/v1/presets/transfer/pets/mcunet").json()

    answer = door.post("/v1/jobs?dry_run=true", json=preset["spec"])

    assert preset["needs"] == ["pretrained.weights"]
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/pretrained/weights"]


@pytest.mark.parametrize("name", ["pets/mcunet", "transfer%2Fpets%2Fmcunett", "%00", "x" * 300, ""])
def test_what_is_no_preset_is_404_with_the_most_similar_name(door: TestClient, name: str) -> None:
    answer = door.get(f"/v1/presets/{name}")

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/preset-not-found")
    assert "most similar is " in answer.json()["detail"]


def test_presets_need_a_key_and_take_no_query(door: TestClient) -> None:
    for path in ("/v1/presets", "/v1/presets/paper/mcunet"):
        assert door.get(path, headers={"Authorization": "Bearer nak_wrong"}).status_code == 401
        assert door.get(path, params={"surprise": "1"}).status_code == 422
