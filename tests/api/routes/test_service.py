import shutil
from importlib.metadata import version

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from jobs import db, processes
from tests.api.conftest import Platform

REVISION = sa.table("alembic_version", sa.column("version_num"))


def report(platform: Platform, broker: str) -> None:
    with db.writing(platform.engine) as connection:
        processes.report(connection, processes.DISPATCHER, "d1", {"broker": broker})


def test_health_and_version_need_no_key(door: TestClient) -> None:
    no_key = {"Authorization": ""}

    assert door.get("/healthz", headers=no_key).json() == {"status": "ok"}
    assert door.get("/version", headers=no_key).json() == {
        "version": version("netaug"),
        "api": "v1",
    }


def test_ready_when_every_part_is(client: TestClient, platform: Platform) -> None:
    report(platform, "ok")

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert set(answer.json().values()) == {"ok"}


def test_not_ready_without_a_dispatcher(client: TestClient) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["dispatcher"] == "none is up"
    assert answer.json()["database"] == "ok"


def test_not_ready_while_the_dispatcher_misses_the_broker(
    client: TestClient, platform: Platform
) -> None:
    report(platform, "does not answer")

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["broker"]) == (503, "does not answer")


@pytest.mark.parametrize(
    ("applied", "told"), [(None, "needs `python -m jobs migrate`"), ("of the next release", "ok")]
)
def test_ready_with_its_schema_or_a_newer_one(
    client: TestClient, platform: Platform, applied: str | None, told: str
) -> None:
    with db.writing(platform.engine) as connection:
        newest = connection.execute(sa.select(REVISION)).scalar_one()
        connection.execute(sa.delete(REVISION))
        if applied is not None:
            connection.execute(sa.insert(REVISION).values(version_num=applied))

    answer = client.get("/readyz")

    with db.writing(platform.engine) as connection:
        connection.execute(sa.delete(REVISION))
        connection.execute(sa.insert(REVISION).values(version_num=newest))
    assert answer.json()["database"] == told


def test_not_ready_without_storage(client: TestClient, platform: Platform) -> None:
    report(platform, "ok")
    directory = platform.settings.storage_url.removeprefix("file://")
    shutil.rmtree(directory)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["storage"]) == (503, "does not answer")


def test_metrics_count_jobs_and_requests(client: TestClient, platform: Platform) -> None:
    platform.submit()
    client.get("/v1/jobs")

    text = client.get("/metrics").text

    assert 'netaug_jobs{status="queued"} 1.0' in text
    assert 'netaug_jobs{status="running"} 0.0' in text
    assert 'netaug_processes{role="dispatcher"} 0.0' in text
    assert 'netaug_http_requests_total{operation="list_jobs",status="200"} 1.0' in text
    assert 'netaug_http_request_seconds_count{operation="list_jobs"} 1.0' in text


@pytest.mark.parametrize("path", ["/healthz", "/v1/jobs", "/nowhere", "/docs", "/metrics"])
def test_every_answer_has_the_security_headers(door: TestClient, path: str) -> None:
    headers = door.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src" in headers["content-security-policy"]
    assert headers["x-request-id"].startswith("req_")
    assert headers["cache-control"]
