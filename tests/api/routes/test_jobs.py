import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from jobs import db, endings, tenants
from jobs.lifecycle import Ending
from jobs.recording import Report, StartFacts, StoredCheckpoint
from jobs.states import AttemptOutcome
from jobs.tables import events, jobs, outbox
from netaug_core.errors import FailureClass
from tests.api.conftest import SPEC, Platform


def count(platform: Platform, table: sa.Table) -> int:
    with db.reading(platform.engine) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_a_submit_is_202_with_the_job_and_its_address(
    client: TestClient, platform: Platform
) -> None:
    answer = client.post("/v1/jobs", json=SPEC)

    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert job["status"] == "queued"
    assert job["cost"]["params"] > 0
    assert job["created_at"].endswith("Z")
    assert (count(platform, jobs), count(platform, events), count(platform, outbox)) == (1, 1, 1)


def test_a_dry_run_tells_the_cost_and_stores_nothing(
    client: TestClient, platform: Platform
) -> None:
    answer = client.post("/v1/jobs?dry_run=true", json=SPEC)

    assert answer.status_code == 200
    assert answer.json()["cost"]["macs"] > 0
    assert answer.json()["spec"]["training"]["epochs"] == 2
    assert count(platform, jobs) == 0


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        (("surprise",), 1, "/surprise"),
        (("name",), 7, "/name"),
        (("name",), "", "/name"),
        (("name",), "a\x00b", "/name"),
        (("training", "epochs"), 0, "/training/epochs"),
        (("training", "epochs"), 10**9, "/training/epochs"),
        (("training", "epochs"), "12", "/training/epochs"),
        (("model", "input_size"), -28, "/model/input_size"),
        (("model", "input_size"), 7, "/model/input_size"),
        (("model", "name"), "resnet_900", "/model/name"),
        (("data", "dataset"), "no-such-set", "/data/dataset"),
        (("data", "dataset"), "../etc", "/data/dataset"),
        (("data", "batch_size"), 10**30, "/data/batch_size"),
        (("resources",), {"gpus": 8}, "/resources/gpus"),
        (("augment",), {"width_multipliers": [2.0, 3.0]}, "/augment/width_multipliers"),
    ],
)
def test_a_bad_field_is_422_named_and_nothing_is_stored(
    door: TestClient, path: tuple[str, ...], value: Any, pointer: str
) -> None:
    spec: Any = json.loads(json.dumps(SPEC))
    inner = spec
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value

    answer = door.post("/v1/jobs", json=spec)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert ".".join(pointer.split("/")[1:]) in answer.json()["detail"]
    assert door.get("/v1/jobs").json()["items"] == []


def test_the_same_idempotency_key_makes_one_job(client: TestClient, platform: Platform) -> None:
    headers = {"Idempotency-Key": "monday"}

    first = client.post("/v1/jobs", json=SPEC, headers=headers)
    second = client.post("/v1/jobs", json=SPEC, headers=headers)

    assert second.status_code == 202
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["idempotent-replayed"] == "true"
    assert count(platform, jobs) == 1


def test_an_idempotency_key_with_another_body_is_422(client: TestClient) -> None:
    headers = {"Idempotency-Key": "monday"}
    client.post("/v1/jobs", json=SPEC, headers=headers)

    other = client.post("/v1/jobs", json={**SPEC, "name": "other"}, headers=headers)

    assert other.status_code == 422
    assert other.json()["type"] == "/problems/idempotency-key-reused"


@pytest.mark.parametrize("change", ["its need was cancelled", "its queue is full"])
def test_what_a_repeated_submit_needed_may_be_gone(
    client: TestClient, platform: Platform, change: str
) -> None:
    needed = platform.submit()
    spec, headers = {**SPEC, "resources": {"after": [needed]}}, {"Idempotency-Key": "monday"}
    first = client.post("/v1/jobs", json=spec, headers=headers)
    if change == "its need was cancelled":
        client.post(f"/v1/jobs/{needed}/cancel")
    else:
        with db.writing(platform.engine) as connection:
            tenants.set_quota(connection, "ours", {"max_queued": 0})

    second = client.post("/v1/jobs", json=spec, headers=headers)

    assert second.status_code == 202, second.text
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["idempotent-replayed"] == "true"


def test_a_refused_submit_leaves_its_key_free(client: TestClient, platform: Platform) -> None:
    needed = platform.submit()
    spec, headers = {**SPEC, "resources": {"after": [needed]}}, {"Idempotency-Key": "monday"}
    client.post(f"/v1/jobs/{needed}/cancel")
    assert client.post("/v1/jobs", json=spec, headers=headers).status_code == 422
    client.post(f"/v1/jobs/{needed}/retry")

    assert client.post("/v1/jobs", json=spec, headers=headers).status_code == 202


def test_twenty_submits_at_once_with_one_key_make_one_job(
    client: TestClient, platform: Platform
) -> None:
    def submit(_: int) -> str:
        answer = client.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": "race"})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    with ThreadPoolExecutor(20) as pool:
        ids = set(pool.map(submit, range(20)))

    assert len(ids) == 1
    assert count(platform, jobs) == 1


def test_pages_show_every_job_once_newest_first(client: TestClient, platform: Platform) -> None:
    made = [platform.submit() for _ in range(5)]

    seen: list[str] = []
    url = "/v1/jobs?limit=2"
    while url:
        answer = client.get(url)
        seen += [job["id"] for job in answer.json()["items"]]
        url = answer.links["next"]["url"] if "next" in answer.links else ""

    assert seen == made[::-1]
    assert "spec" not in answer.json()["items"][0]


def test_a_list_can_be_filtered(client: TestClient, platform: Platform) -> None:
    tagged = platform.submit(tags=["a", "b"], name="one")
    platform.submit(tags=["a"], name="two")

    def ids(query: str) -> list[str]:
        return [job["id"] for job in client.get(f"/v1/jobs?{query}").json()["items"]]

    assert ids("tag=a&tag=b") == [tagged]
    assert ids("name=one") == [tagged]
    assert len(ids("status=queued&status=running")) == 2
    assert ids("status=failed") == []
    assert ids("created_after=2100-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=nonsense",
        "cursor=WzFd",
        "status=odd",
        "page=2",
        "created_after=yesterday",
        "created_after=0001-01-01T00:00:00%2B10:00",
        "tag=%00",
    ],
)
def test_a_bad_query_is_422(door: TestClient, query: str) -> None:
    answer = door.get(f"/v1/jobs?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_a_job_that_has_not_changed_is_304(client: TestClient, platform: Platform) -> None:
    job_id = platform.submit()
    first = client.get(f"/v1/jobs/{job_id}")
    etag = first.headers["etag"]

    assert first.headers["retry-after"] == "2"
    assert first.json()["queue_position"] == 0
    assert client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": etag}).status_code == 304
    platform.start()
    changed = client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.json()["attempts"][0]["worker"] == "w1"


def test_a_failed_job_tells_class_message_and_log_tail(
    client: TestClient, platform: Platform
) -> None:
    platform.submit()
    job_id, attempt = platform.start()
    platform.log(job_id, attempt, 1, "loss is nan\n")
    ending = Ending(AttemptOutcome.FAILED, FailureClass.DIVERGED, "the loss is not finite")
    with db.writing(platform.engine) as connection:
        endings.fail(connection, job_id, attempt, ending)

    answer = client.get(f"/v1/jobs/{job_id}")

    assert answer.json()["failure"] == {
        "class": "diverged",
        "message": "the loss is not finite",
        "log_tail": "loss is nan\n",
    }
    assert "retry-after" not in answer.headers


def test_cancel_twice_is_cancel_once(client: TestClient, platform: Platform) -> None:
    job_id = platform.submit()

    answers = [client.post(f"/v1/jobs/{job_id}/cancel") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.json()["status"] for answer in answers] == ["cancelled", "cancelled"]


def test_a_running_job_shows_the_wish_to_stop(client: TestClient, platform: Platform) -> None:
    job_id = platform.submit()
    platform.start()

    answer = client.post(f"/v1/jobs/{job_id}/stop")

    assert answer.status_code == 202
    assert answer.json()["stop_requested_at"] is not None


def test_a_cancelled_job_can_be_retried_then_not_deleted(
    client: TestClient, platform: Platform
) -> None:
    job_id = platform.submit()
    client.post(f"/v1/jobs/{job_id}/cancel")

    assert client.post(f"/v1/jobs/{job_id}/retry").json()["status"] == "queued"
    refused = client.delete(f"/v1/jobs/{job_id}")
    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/illegal-state-change"


def test_a_deleted_job_is_gone(client: TestClient, platform: Platform) -> None:
    job_id = platform.finished_job()

    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert client.get(f"/v1/jobs/{job_id}").status_code == 404
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 404


@pytest.mark.parametrize("job_id", ["job_", "x", "%00", "job_" + "f" * 500, "job_..%2f..", "1"])
def test_a_malformed_id_is_404(door: TestClient, job_id: str) -> None:
    answer = door.get(f"/v1/jobs/{job_id}")

    assert answer.status_code == 404
    assert len(answer.content) < 1000


def test_a_lost_attempt_tells_what_it_cost(client: TestClient, platform: Platform) -> None:
    job_id = platform.submit()
    started = StartFacts(0, "ab" * 32, {"device": "cpu"})
    written = StoredCheckpoint(40, 1, "key", 1, "ab" * 32)
    news = Report(batch=1, started=started, checkpoints=(written,), last_step=57)
    platform.start()
    platform.report(job_id, 1, news)
    with db.writing(platform.engine) as connection:
        endings.fail(connection, job_id, 1, Ending(AttemptOutcome.LOST, FailureClass.INFRA_LOST))
    platform.start()
    platform.report(job_id, 2, Report(batch=1, started=replace(started, from_step=40)))

    job = client.get(f"/v1/jobs/{job_id}").json()

    assert [one["lost_steps"] for one in job["attempts"]] == [17, None]
    assert job["attempts"][0]["lost_seconds"] >= 0
    assert (job["receipt"]["attempts"], job["receipt"]["lost_steps"]) == (2, 17)
    assert job["receipt"]["equals_undisturbed"] is None
