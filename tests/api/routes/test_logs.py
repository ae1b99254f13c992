import pytest
from starlette.testclient import TestClient

from api import pages
from tests.api.conftest import Platform

TEXT = {"Accept": "text/plain"}


@pytest.fixture
def url(platform: Platform) -> str:
    """The log of a job that printed five lines in two chunks."""
    platform.submit()
    job_id, attempt = platform.start()
    platform.log(job_id, attempt, 1, "one\ntwo\n", "three\nfour\nfive\n")
    return f"/v1/jobs/{job_id}/logs"


def test_pages_show_every_chunk(client: TestClient, url: str) -> None:
    first = client.get(f"{url}?limit=1")
    second = client.get(first.links["next"]["url"])

    assert [first.json()["items"][0]["text"], second.json()["items"][0]["text"]] == [
        "one\ntwo\n",
        "three\nfour\nfive\n",
    ]
    assert second.json()["next_cursor"] is None


def test_the_log_comes_whole_as_text(client: TestClient, url: str) -> None:
    answer = client.get(url, headers=TEXT)

    assert answer.text == "one\ntwo\nthree\nfour\nfive\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_log_of_many_pages_comes_whole(
    client: TestClient, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST", 1)

    assert client.get(url, headers=TEXT).text == "one\ntwo\nthree\nfour\nfive\n"


@pytest.mark.parametrize(
    ("lines", "tail"),
    [(1, "five\n"), (4, "two\nthree\nfour\nfive\n"), (9, "one\ntwo\nthree\nfour\nfive\n")],
)
def test_a_tail_is_the_last_lines(client: TestClient, url: str, lines: int, tail: str) -> None:
    assert client.get(f"{url}?tail={lines}", headers=TEXT).text == tail


@pytest.mark.parametrize("query", ["tail=0", "tail=1001", "limit=201", "cursor=x", "from=1"])
def test_a_bad_query_is_422(client: TestClient, url: str, query: str) -> None:
    assert client.get(f"{url}?{query}").status_code == 422
