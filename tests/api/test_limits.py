"""Beyond its limits a tenant gets 429 with Retry-After, and leaves the others alone."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.limits import BURST_S, Lane, Limits, Pace
from api.main import create_app
from api.problems import ApiProblem
from jobs.settings import Settings
from tests.api.conftest import SPEC, Platform, make_settings


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    """Four requests, two streams of a tenant, three streams of all."""
    return Limits(
        make_settings(
            "sqlite://",
            tmp_path,
            tenant_requests_at_once=4,
            tenant_streams_at_once=2,
            streams_at_once=3,
        )
    )


def entered(limits: Limits, tenant: str, lane: Lane, times: int) -> list[dict[str, object]]:
    scopes: list[dict[str, object]] = [{} for _ in range(times)]
    for scope in scopes:
        limits.enter(scope, tenant, lane)
    return scopes


def test_writes_leave_room_for_reads_and_for_other_tenants(limits: Limits) -> None:
    writing = entered(limits, "ours", Lane.WRITE, 2)
    with pytest.raises(ApiProblem, match="2 requests that change something of one tenant"):
        limits.enter({}, "ours", Lane.WRITE)
    entered(limits, "ours", Lane.READ, 4)
    entered(limits, "theirs", Lane.WRITE, 2)
    limits.leave(writing[0])
    limits.enter({}, "ours", Lane.WRITE)


def test_a_refused_request_gives_back_no_place_of_another(limits: Limits) -> None:
    entered(limits, "ours", Lane.READ, 4)
    refused: dict[str, object] = {}
    for _ in range(2):
        with pytest.raises(ApiProblem):
            limits.enter(refused, "ours", Lane.READ)
        limits.leave(refused)


def test_streams_are_limited_by_tenant_and_by_server(limits: Limits) -> None:
    ours = entered(limits, "ours", Lane.STREAM, 2)
    with pytest.raises(ApiProblem, match="2 event streams of one tenant"):
        limits.enter({}, "ours", Lane.STREAM)
    entered(limits, "theirs", Lane.STREAM, 1)
    with pytest.raises(ApiProblem, match="3 event streams may be open on this server"):
        limits.enter({}, "theirs", Lane.STREAM)
    limits.leave(ours[0])
    entered(limits, "theirs", Lane.STREAM, 1)
    assert limits.num_streams == 3


def test_a_stream_no_longer_counts_as_a_request(limits: Limits) -> None:
    [stream, *_] = entered(limits, "ours", Lane.READ, 4)
    limits.enter(stream, "ours", Lane.STREAM)
    entered(limits, "ours", Lane.READ, 1)


def test_a_burst_is_allowed_and_then_the_steady_rate() -> None:
    pace = Pace(2.0)
    taken = [pace.take("ours", now=100.0) for _ in range(int(2 * BURST_S) + 1)]
    assert taken == [0.0] * 20 + [0.5]
    assert pace.take("theirs", now=100.0) == 0.0
    assert [pace.take("ours", now=100.5) for _ in range(2)] == [0.0, 0.5]
    assert Pace(0.0).take("ours", now=0.0) == 0.0


def test_submits_that_come_too_fast_are_429_and_reads_go_on(
    settings: Settings, platform: Platform
) -> None:
    slow = settings.model_copy(update={"submits_per_second": 1 / BURST_S})
    with TestClient(create_app(slow), headers=platform.bearer()) as client:
        first, second = (client.post("/v1/jobs", json=SPEC) for _ in range(2))
        listed = client.get("/v1/jobs").json()["items"]
        theirs = client.post("/v1/jobs", json=SPEC, headers=platform.bearer("theirs"))

    assert (first.status_code, second.status_code, theirs.status_code) == (202, 429, 202)
    assert [job["id"] for job in listed] == [first.json()["id"]]
    assert second.headers["content-type"] == "application/problem+json"
    assert second.headers["retry-after"] == "10"
    assert second.json()["type"] == "/problems/too-many-requests"
    assert "0.1 submits a second" in second.json()["detail"]


def test_a_tenants_place_is_free_again_after_each_request(
    settings: Settings, platform: Platform
) -> None:
    narrow = settings.model_copy(update={"tenant_requests_at_once": 2, "tenant_streams_at_once": 1})
    with TestClient(create_app(narrow), headers=platform.bearer()) as client:
        job_id = platform.finished_job()
        streams = {"Accept": "text/event-stream"}
        for _ in range(3):
            assert client.get("/v1/jobs").status_code == 200
            assert client.post("/v1/jobs", content=b"?").status_code == 415
            assert client.get(f"/v1/jobs/{job_id}/events", headers=streams).status_code == 200
