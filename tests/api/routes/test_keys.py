import re

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import Platform


def test_a_new_key_works_and_its_secret_is_shown_once(client: TestClient) -> None:
    made = client.post("/v1/keys", json={"name": "laptop", "scope": "read"})

    secret = made.json()["secret"]
    assert made.status_code == 201
    assert re.fullmatch(r"nak_[\w-]{43}", secret)
    assert made.headers["location"] == f"/v1/keys/{made.json()['id']}"
    assert made.headers["cache-control"] == "no-store"
    used = client.get("/v1/jobs", headers={"Authorization": f"Bearer {secret}"})
    assert used.status_code == 200
    assert secret not in client.get("/v1/keys").text


def test_a_key_can_be_revoked_again_and_again(client: TestClient) -> None:
    key_id = client.post("/v1/keys", json={"name": "laptop"}).json()["id"]

    answers = [client.delete(f"/v1/keys/{key_id}").status_code for _ in range(2)]

    listed = {key["id"]: key for key in client.get("/v1/keys").json()["items"]}
    assert answers == [204, 204]
    assert listed[key_id]["revoked_at"].endswith("Z")


@pytest.mark.parametrize("key_id", ["key_" + "0" * 32, "key_", "job_" + "0" * 32, "%00"])
def test_a_key_that_is_not_there_is_404(door: TestClient, key_id: str) -> None:
    assert door.delete(f"/v1/keys/{key_id}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "a\x00b"},
        {"name": "k", "scope": "root"},
        {"name": "k", "expires_at": "2030-01-01T00:00:00"},
        {"name": "k", "expires_at": "9999-12-31T23:59:59-10:00"},
    ],
)
def test_a_bad_key_request_is_422(door: TestClient, body: dict[str, str]) -> None:
    assert door.post("/v1/keys", json=body).status_code == 422


def test_an_expiry_is_kept_in_utc(client: TestClient, platform: Platform) -> None:
    body = {"name": "k", "expires_at": "2100-01-01T02:00:00+02:00"}

    assert client.post("/v1/keys", json=body).json()["expires_at"] == "2100-01-01T00:00:00Z"
