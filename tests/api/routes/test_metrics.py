import csv
import io
import math

import pytest
from starlette.testclient import TestClient

from jobs.records import MetricPoint
from tests.api.conftest import Platform


@pytest.fixture
def url(platform: Platform) -> str:
    """Metrics of a job: two keys at steps 1 to 3; the last step ends an epoch."""
    platform.submit()
    job_id, attempt = platform.start()
    points = [
        MetricPoint(key, step, 1, value * step, epoch_end=step == 3)
        for key, value in (("loss", 1.0), ("accuracy", 0.5))
        for step in (1, 2, 3)
    ]
    platform.measure(job_id, attempt, 1, points)
    return f"/v1/jobs/{job_id}/metrics"


def test_pages_show_every_point_once_by_step_and_key(client: TestClient, url: str) -> None:
    seen = []
    page = f"{url}?limit=4"
    while page:
        answer = client.get(page)
        seen += [(item["step"], item["key"]) for item in answer.json()["items"]]
        page = answer.links["next"]["url"] if "next" in answer.links else ""

    assert seen == [(step, key) for step in (1, 2, 3) for key in ("accuracy", "loss")]


def test_points_can_be_filtered(client: TestClient, url: str) -> None:
    by_key = client.get(f"{url}?key=loss").json()["items"]
    by_epoch = client.get(f"{url}?epoch_end=true").json()["items"]

    assert [item["value"] for item in by_key] == [1.0, 2.0, 3.0]
    assert {item["step"] for item in by_epoch} == {3}
    assert len(client.get(f"{url}?key=loss&key=accuracy&epoch_end=false").json()["items"]) == 4


def test_points_come_as_csv(client: TestClient, url: str) -> None:
    answer = client.get(f"{url}?key=loss", headers={"Accept": "text/csv"})

    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[2] == {
        "step": "3",
        "epoch": "1",
        "key": "loss",
        "value": "3.0",
        "epoch_end": "true",
    }


def test_a_value_that_is_not_finite_is_null(client: TestClient, platform: Platform) -> None:
    platform.submit()
    job_id, attempt = platform.start()
    platform.measure(job_id, attempt, 1, [MetricPoint("loss", 1, 1, math.nan, epoch_end=True)])

    (item,) = client.get(f"/v1/jobs/{job_id}/metrics").json()["items"]

    assert item["value"] is None


@pytest.mark.parametrize("query", ["limit=1001", "cursor=WzFd", "key=%00", "epoch_end=odd", "x=1"])
def test_a_bad_query_is_422(client: TestClient, url: str, query: str) -> None:
    assert client.get(f"{url}?{query}").status_code == 422


def test_a_whole_history_comes_in_few_points(client: TestClient, url: str) -> None:
    answer = client.get(f"{url}?max_points=2&key=loss")

    assert [item["value"] for item in answer.json()["items"]] == [1.0, 3.0]
    assert answer.json()["next_cursor"] is None
    assert len(client.get(f"{url}?max_points=2&epoch_end=true").json()["items"]) == 2


def test_a_sampled_history_has_no_pages(client: TestClient, url: str) -> None:
    answer = client.get(f"{url}?max_points=10&limit=5")

    assert answer.status_code == 422
    assert "leave limit and cursor out" in answer.text
