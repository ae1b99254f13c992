import pytest
from starlette.testclient import TestClient

from jobs.keys import Scope
from tests.api.conftest import Platform


def state(client: TestClient) -> str:
    [worker] = client.get("/v1/workers").json()["items"]
    return str(worker["state"])


def test_a_worker_is_listed_with_what_it_has(client: TestClient, platform: Platform) -> None:
    platform.appear("w1", gpus=2, devices=["A", "A"], slots=4, free=3)

    [worker] = client.get("/v1/workers").json()["items"]

    shown = {name: worker[name] for name in ("name", "host", "state", "gpus", "slots", "free")}
    assert shown == {
        **{"name": "w1", "host": "here", "state": "ready"},
        **{"gpus": 2, "slots": 4, "free": 3},
    }


def test_a_worker_of_the_release_before_slots_is_listed(
    client: TestClient, platform: Platform
) -> None:
    platform.appear("w1", busy=True)
    with platform.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE processes SET facts = facts - 'slots' - 'free'")

    [worker] = client.get("/v1/workers").json()["items"]

    assert (worker["slots"], worker["free"]) == (1, 0)


def test_the_state_follows_the_wish_and_outlives_the_workers_reports(
    client: TestClient, platform: Platform
) -> None:
    platform.appear("w1")
    platform.submit()
    job_id, attempt = platform.start()

    for wish, expected in (("pause", "paused"), ("drain", "draining"), ("resume", "ready")):
        answers = [client.post(f"/v1/workers/w1/{wish}") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[1].json()["state"] == expected
        platform.appear("w1")
        assert state(client) == expected

    client.post("/v1/workers/w1/drain")
    platform.succeed(job_id, attempt)
    assert state(client) == "drained"
    platform.appear("w1", draining=True)
    assert state(client) == "leaving"


@pytest.mark.parametrize("wish", ["pause", "drain", "resume"])
def test_an_unknown_worker_is_404_and_named(door: TestClient, wish: str) -> None:
    answer = door.post(f"/v1/workers/nobody/{wish}")

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/worker-not-found")
    assert "nobody" in answer.json()["detail"]


def test_only_an_administrator_sees_and_asks(client: TestClient, platform: Platform) -> None:
    platform.appear("w1")
    submitter = platform.bearer("ours", Scope.SUBMIT)

    assert client.get("/v1/workers", headers=submitter).status_code == 403
    assert client.post("/v1/workers/w1/pause", headers=submitter).status_code == 403
    assert state(client) == "ready"
