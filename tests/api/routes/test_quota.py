from typing import Any

import pytest
from starlette.testclient import TestClient

from jobs import db, tenants
from jobs.states import JobStatus
from tests.api.conftest import SPEC, Platform


def allow(platform: Platform, **quotas: Any) -> None:
    with db.writing(platform.engine) as connection:
        tenants.set_quota(connection, "ours", quotas)


def test_a_tenant_sees_its_limits_and_its_use(client: TestClient, platform: Platform) -> None:
    allow(platform, weight=2, max_queued=5, max_stored_bytes=10**6)
    platform.finished_job()
    platform.submit()
    platform.submit()
    platform.start()

    seen = client.get("/v1/quota").json()

    assert (seen["queued"], seen["max_queued"], seen["running"]) == (1, 5, 1)
    assert (seen["stored_bytes"], seen["max_stored_bytes"]) == (1024, 10**6)
    assert (seen["weight"], seen["max_running"]) == (2, None)


@pytest.mark.parametrize(
    ("quota", "status", "slug"),
    [
        ({"max_queued": 0}, 429, "queue-full"),
        ({"max_running": 0}, 403, "quota-spent"),
        ({"max_gpu_seconds": 0.0}, 403, "quota-spent"),
        ({"max_stored_bytes": 0}, 403, "quota-spent"),
    ],
)
def test_a_submit_beyond_a_quota_is_refused(
    client: TestClient, platform: Platform, quota: dict[str, Any], status: int, slug: str
) -> None:
    allow(platform, **quota)

    answer = client.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": "one"})

    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")
    assert ("retry-after" in answer.headers) == (status == 429)
    assert client.get("/v1/jobs").json()["items"] == []
    allow(platform, **dict.fromkeys(quota))
    assert client.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": "one"}).is_success


def test_a_job_says_what_it_waits_for(client: TestClient, platform: Platform) -> None:
    first = platform.submit()
    resources = {"after": [first], "run_after": "2999-01-31T12:00:00Z"}
    last = client.post("/v1/jobs", json={**SPEC, "resources": resources}).json()["id"]

    def seen(job_id: str) -> tuple[int | None, str]:
        job = client.get(f"/v1/jobs/{job_id}").json()
        return job["queue_position"], job["waits_for"]

    assert seen(first) == (0, "a worker: none is up")
    assert seen(last) == (None, f"the success of {first}")
    platform.succeed(*platform.start())
    assert seen(last) == (None, "its time, 2999-01-31T12:00:00Z")


def test_ones_own_jobs_only_can_be_waited_for(client: TestClient, platform: Platform) -> None:
    theirs = platform.submit("theirs")
    body = {**SPEC, "resources": {"after": [theirs]}}

    for query in ("", "?dry_run=true"):
        answer = client.post(f"/v1/jobs{query}", json=body)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/resources/after"
    assert JobStatus.QUEUED not in {job["status"] for job in client.get("/v1/jobs").json()["items"]}


def test_a_time_after_which_no_wait_can_end_is_refused(client: TestClient) -> None:
    # fails if the longest wait is added to a time near the calendar's end: that was a 500
    resources = {"run_after": "9999-12-31T00:00:00Z", "max_wait_seconds": 30 * 86_400}
    answer = client.post("/v1/jobs", json={**SPEC, "resources": resources})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/resources/run_after"
