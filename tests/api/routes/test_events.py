import pytest
from starlette.testclient import TestClient

from tests.api.conftest import Platform

STREAM = {"Accept": "text/event-stream"}


def parse(text: str) -> list[tuple[int, str]]:
    """Number and type of each event in a stream."""
    found = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((int(lines["id"]), lines["event"]))
    return found


WHOLE = [(1, "state"), (2, "state"), (3, "artifact"), (4, "state"), (5, "done")]


def test_pages_show_every_event_in_order(client: TestClient, platform: Platform) -> None:
    url = f"/v1/jobs/{platform.finished_job()}/events"
    seen = []
    page = f"{url}?limit=2"
    while page:
        answer = client.get(page)
        seen += [(item["seq"], item["type"]) for item in answer.json()["items"]]
        page = answer.links["next"]["url"] if "next" in answer.links else ""

    assert seen == WHOLE
    assert [item["seq"] for item in client.get(f"{url}?after=3").json()["items"]] == [4, 5]
    assert [item["seq"] for item in client.get(f"{url}?type=done").json()["items"]] == [5]


def test_a_stream_of_a_final_job_ends_after_done(client: TestClient, platform: Platform) -> None:
    answer = client.get(f"/v1/jobs/{platform.finished_job()}/events", headers=STREAM)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert parse(answer.text) == WHOLE


@pytest.mark.parametrize(
    ("query", "headers"),
    [("", {"Last-Event-ID": "3"}), ("?after=3", {}), ("?after=1", {"Last-Event-ID": "3"})],
)
def test_a_stream_resumes(
    client: TestClient, platform: Platform, query: str, headers: dict[str, str]
) -> None:
    url = f"/v1/jobs/{platform.finished_job()}/events{query}"

    assert parse(client.get(url, headers=STREAM | headers).text) == WHOLE[3:]


@pytest.mark.parametrize("last", ["99", "9" * 20])
def test_a_stream_resumed_past_the_end_is_empty(
    client: TestClient, platform: Platform, last: str
) -> None:
    url = f"/v1/jobs/{platform.finished_job()}/events"

    answer = client.get(url, headers={**STREAM, "Last-Event-ID": last})

    assert (answer.status_code, answer.text) == (200, "")


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 21])
def test_a_bad_last_event_id_is_422(client: TestClient, platform: Platform, last: str) -> None:
    url = f"/v1/jobs/{platform.submit()}/events"

    answer = client.get(url, headers={**STREAM, "Last-Event-ID": last})

    assert answer.status_code == 422
    assert "last-event-id" in answer.json()["detail"].lower()


@pytest.mark.parametrize(
    "query", ["after=-1", "after=3000000000", "type=odd", "cursor=x", "limit=201", "since=1"]
)
def test_a_bad_query_is_422(client: TestClient, platform: Platform, query: str) -> None:
    assert client.get(f"/v1/jobs/{platform.submit()}/events?{query}").status_code == 422
