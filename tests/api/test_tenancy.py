"""What belongs to one tenant does not exist for another: each route of /v1 has its case here."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from tests.api.conftest import SPEC, Platform

# Of someone else's job or key: the same 404 as for one that was never made.
HIDDEN = {
    ("GET", "/v1/jobs/{job_id}"),
    ("POST", "/v1/jobs/{job_id}/cancel"),
    ("POST", "/v1/jobs/{job_id}/stop"),
    ("POST", "/v1/jobs/{job_id}/retry"),
    ("DELETE", "/v1/jobs/{job_id}"),
    ("GET", "/v1/jobs/{job_id}/lock"),
    ("GET", "/v1/jobs/{job_id}/events"),
    ("GET", "/v1/jobs/{job_id}/metrics"),
    ("GET", "/v1/jobs/{job_id}/logs"),
    ("GET", "/v1/jobs/{job_id}/artifacts"),
    ("GET", "/v1/jobs/{job_id}/artifacts/{name}"),
    ("DELETE", "/v1/keys/{key_id}"),
}
# Lists show one's own.
OWN = {("GET", "/v1/jobs"), ("GET", "/v1/keys")}
# Of one's own tenant; no list.
OWN_USE = {("GET", "/v1/quota")}
# Made in the caller's tenant, whatever the body says.
MADE = {("POST", "/v1/jobs"), ("POST", "/v1/keys")}
# The same for every tenant.
SHARED = {
    ("GET", "/v1/datasets"),
    ("GET", "/v1/datasets/{name:path}"),
    ("GET", "/v1/presets"),
    ("GET", "/v1/presets/{name:path}"),
    ("GET", "/v1/spec/schema"),
    ("GET", "/v1/boards"),
    ("POST", "/v1/profile"),
}
# Of the whole installation, for operators: others' jobs are counted, not named.
OPERATED = {
    ("GET", "/v1/workers"),
    ("POST", "/v1/workers/{name}/pause"),
    ("POST", "/v1/workers/{name}/drain"),
    ("POST", "/v1/workers/{name}/resume"),
}
UNKNOWN = "0" * 32


def routes(app: FastAPI) -> set[tuple[str, str]]:
    """Every method and path below /v1, from the document that FastAPI makes of its routes."""
    paths = app.openapi()["paths"]
    return {
        (method.upper(), _as_registered(path))
        for path, operations in paths.items()
        for method in operations
        if path.startswith("/v1/")
    }


def _as_registered(path: str) -> str:
    """Names of datasets and presets may hold slashes; the document does not tell."""
    by_path = path.startswith(("/v1/datasets/", "/v1/presets/"))
    return path.replace("{name}", "{name:path}") if by_path else path


def test_every_route_has_a_case(app: FastAPI) -> None:
    assert routes(app) == HIDDEN | OWN | OWN_USE | MADE | SHARED | OPERATED
    assert not [route for route in app.routes if _is_undocumented(route)]


def _is_undocumented(route: Any) -> bool:
    below = isinstance(route, APIRoute) and route.path.startswith("/v1")
    return below and not route.include_in_schema


@pytest.mark.parametrize(("method", "path"), sorted(HIDDEN))
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream, text/plain, text/csv"])
def test_what_belongs_to_another_looks_like_what_never_was(
    client: TestClient,
    platform: Platform,
    stranger: dict[str, str],
    method: str,
    path: str,
    accept: str,
) -> None:
    job_id = platform.finished_job("ours")
    key_id = client.get("/v1/keys").json()["items"][0]["id"]

    def ask(job: str, key: str) -> tuple[int, dict[str, Any]]:
        url = path.format(job_id=job, key_id=key, name="model.onnx")
        answer = client.request(method, url, headers={**stranger, "Accept": accept})
        told = answer.json()
        del told["request_id"], told["instance"]
        told["detail"] = told["detail"].replace(job, "JOB").replace(key, "KEY")
        return answer.status_code, told

    theirs = ask(job_id, key_id)
    never = ask(f"job_{UNKNOWN}", f"key_{UNKNOWN}")

    assert theirs[0] == 404
    assert theirs == never


@pytest.mark.parametrize(("method", "path"), sorted(OWN))
def test_lists_show_ones_own(
    client: TestClient, platform: Platform, stranger: dict[str, str], method: str, path: str
) -> None:
    platform.submit("ours")
    theirs = platform.submit("theirs")

    shown = client.request(method, path, headers=stranger).json()["items"]

    assert [item["id"] for item in shown if item["id"].startswith("job_")] in ([], [theirs])
    assert [item["name"] for item in shown if item["id"].startswith("key_")] in (
        [],
        ["theirs-admin"],
    )
    assert shown


def test_a_quota_counts_ones_own_jobs(
    client: TestClient, platform: Platform, stranger: dict[str, str]
) -> None:
    platform.submit("ours")
    platform.submit("theirs")
    platform.submit("theirs")

    assert client.get("/v1/quota").json()["queued"] == 1
    assert client.get("/v1/quota", headers=stranger).json()["queued"] == 2


@pytest.mark.parametrize(("method", "path"), sorted(OPERATED))
def test_a_workers_jobs_are_named_to_their_owner_alone(
    client: TestClient, platform: Platform, stranger: dict[str, str], method: str, path: str
) -> None:
    platform.appear("w1")
    platform.submit("ours")
    job_id, _ = platform.start()

    def ask(headers: dict[str, str]) -> tuple[int, list[str]]:
        told = client.request(method, path.format(name="w1"), headers=headers).json()
        worker = told["items"][0] if "items" in told else told
        return worker["running"], worker["jobs"]

    assert ask({}) == (1, [job_id])
    assert ask(stranger) == (1, [])


def test_a_cursor_of_another_tenant_shows_ones_own(
    client: TestClient, platform: Platform, stranger: dict[str, str]
) -> None:
    old = platform.submit("theirs")
    for _ in range(3):
        platform.submit("ours")
    cursor = client.get("/v1/jobs?limit=1").json()["next_cursor"]

    shown = client.get(f"/v1/jobs?cursor={cursor}", headers=stranger).json()["items"]

    assert [job["id"] for job in shown] == [old]


@pytest.mark.parametrize("field", ["id", "tenant", "status", "attempt", "created_at"])
def test_what_the_server_decides_cannot_be_sent(door: TestClient, field: str) -> None:
    job = door.post("/v1/jobs", json={**SPEC, field: "theirs"})
    key = door.post("/v1/keys", json={"name": "k", field: "theirs"})

    assert [job.status_code, key.status_code] == [422, 422]
    assert [job.json()["errors"][0]["pointer"], key.json()["errors"][0]["pointer"]] == [
        f"/{field}",
        f"/{field}",
    ]


def test_one_tenants_idempotency_key_says_nothing_to_another(
    client: TestClient, stranger: dict[str, str]
) -> None:
    headers = {"Idempotency-Key": "monday"}

    ours = client.post("/v1/jobs", json=SPEC, headers=headers).json()["id"]
    theirs = client.post("/v1/jobs", json=SPEC, headers={**headers, **stranger}).json()["id"]

    assert ours != theirs
    assert client.get(f"/v1/jobs/{theirs}").status_code == 404


def test_answers_tell_nothing_of_the_server(client: TestClient, platform: Platform) -> None:
    job_id = platform.finished_job()
    storage = platform.settings.storage_url.removeprefix("file://")

    told = "".join(
        client.get(f"/v1/jobs/{job_id}{part}").text
        for part in ("", "/artifacts", "/events", "/metrics", "/logs")
    )

    for private in (storage, "storage_key", "lease", "tenant", f"jobs/{job_id}/"):
        assert private not in told
