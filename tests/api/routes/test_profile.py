"""What a network takes on a device, over HTTP."""

import subprocess
import sys
from typing import Any

from starlette.testclient import TestClient

from tests.api.conftest import SPEC

TIGHT = {"sram_bytes": 40_000}


def test_a_profile_tells_what_a_job_would_cost(door: TestClient) -> None:
    cost = door.post("/v1/jobs?dry_run=true", json=SPEC).json()["cost"]

    answer = door.post("/v1/profile", json=SPEC)

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["verdict"] is None
    assert (told["params"], told["needs"]["macs"]) == (cost["params"], cost["macs"])
    assert told["lower_bound_bytes"] == cost["peak_activation_bytes"]
    assert told["peak_layer"] == cost["peak_layer"]
    assert told["layers"][0]["name"] == "stem"
    assert (told["num_classes"], told["in_channels"]) == (10, 1)


def test_a_network_that_does_not_fit_is_profiled_and_told_what_helps(door: TestClient) -> None:
    verdict = door.post("/v1/profile", json={**SPEC, "target": TIGHT}).json()["verdict"]

    assert not verdict["fits"]
    assert [one["resource"] for one in verdict["shortfalls"]] == ["sram_bytes"]
    assert {"model.stem_stride": 2} in [one["changes"] for one in verdict["remedies"]]
    assert "set model.stem_stride to 2" in verdict["explanation"]


def test_a_job_whose_network_does_not_fit_is_refused_at_its_target(door: TestClient) -> None:
    for path in ("/v1/jobs", "/v1/jobs?dry_run=true"):
        answer = door.post(path, json={**SPEC, "target": TIGHT})

        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/spec-refused")
        (refusal,) = answer.json()["errors"]
        assert refusal["pointer"] == "/target"
        assert "set model.stem_stride to 2" in refusal["detail"]


def test_a_job_is_accepted_where_the_target_is_not_enforced(door: TestClient) -> None:
    answer = door.post(
        "/v1/jobs?dry_run=true", json={**SPEC, "target": {**TIGHT, "enforce": False}}
    )

    assert answer.status_code == 200, answer.text
    assert answer.json()["spec"]["target"]["sram_bytes"] == 40_000


def refused(door: TestClient, **sections: Any) -> dict[str, Any]:
    answer = door.post("/v1/profile", json={**SPEC, **sections})
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["errors"]
    return dict(problem)


def test_a_wrong_spec_or_dataset_has_no_profile(door: TestClient) -> None:
    board = refused(door, target={"board": "stm32f746"})
    dataset = refused(door, data={"dataset": "nowhere"})

    assert board["pointer"] == "/target/board"
    assert "similar are stm32f746g-disco" in board["detail"]
    assert dataset["pointer"] == "/data/dataset"


def test_a_profile_is_made_without_torch() -> None:
    code = (
        "import sys, api.examples, api.routes.profile, jobs.admission;"
        "print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"
