import base64
import hashlib

import pytest
from starlette.testclient import TestClient

from api.main import create_app
from jobs.storage import Storage
from tests.api.conftest import MODEL, Platform, make_settings

SHA256 = hashlib.sha256(MODEL).hexdigest()
SIZE = len(MODEL)


@pytest.fixture
def url(platform: Platform) -> str:
    return f"/v1/jobs/{platform.finished_job()}/artifacts/model.onnx"


def test_the_manifest_lists_size_and_digest(client: TestClient, url: str) -> None:
    (item,) = client.get(url.rpartition("/")[0]).json()["items"]

    assert (item["name"], item["size_bytes"], item["sha256"]) == ("model.onnx", SIZE, SHA256)


def test_a_download_is_whole_and_carries_its_digest(client: TestClient, url: str) -> None:
    answer = client.get(url)

    assert answer.content == MODEL
    assert answer.headers["etag"] == f'"{SHA256}"'
    digest = base64.b64encode(hashlib.sha256(MODEL).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["content-disposition"] == 'attachment; filename="model.onnx"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=1000-", 1000, SIZE),
        ("bytes=-24", SIZE - 24, SIZE),
        ("bytes=-9999", 0, SIZE),
        ("bytes=1020-5000", 1020, SIZE),
    ],
)
def test_a_range_is_206(client: TestClient, url: str, asked: str, first: int, end: int) -> None:
    answer = client.get(url, headers={"Range": asked})

    assert answer.status_code == 206
    assert answer.content == MODEL[first:end]
    assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - first)


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=-0"])
def test_a_range_past_the_end_is_416(client: TestClient, url: str, asked: str) -> None:
    answer = client.get(url, headers={"Range": asked})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=5-2"},
        {"Range": "bytes=-"},
        {"Range": "bytes=0-1,4-5"},
        {"Range": "lines=1-2"},
        {"Range": "bytes=0-1", "If-Range": '"other"'},
    ],
)
def test_what_is_no_single_range_gets_the_whole_file(
    client: TestClient, url: str, headers: dict[str, str]
) -> None:
    answer = client.get(url, headers=headers)

    assert (answer.status_code, answer.content) == (200, MODEL)


def test_a_download_goes_on_only_if_the_file_is_the_same(client: TestClient, url: str) -> None:
    answer = client.get(url, headers={"Range": "bytes=9-", "If-Range": f'"{SHA256}"'})

    assert (answer.status_code, answer.content) == (206, MODEL[9:])


@pytest.mark.parametrize("tag", [f'"{SHA256}"', f'W/"{SHA256}"', f'"x", "{SHA256}"', "*"])
def test_a_file_one_has_is_304(client: TestClient, url: str, tag: str) -> None:
    answer = client.get(url, headers={"If-None-Match": tag})

    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("name", ["other.onnx", "..%2F..%2Fsecret", "%00", "a b"])
def test_a_name_that_the_job_does_not_have_is_404(client: TestClient, url: str, name: str) -> None:
    answer = client.get(f"{url.rpartition('/')[0]}/{name}")

    assert answer.status_code == 404


def test_an_unfinished_job_is_409_with_its_state(client: TestClient, platform: Platform) -> None:
    job_id = platform.submit()

    answer = client.get(f"/v1/jobs/{job_id}/artifacts/model.onnx")

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/job-not-finished"
    assert "queued" in answer.json()["detail"]
    assert client.get(f"/v1/jobs/{job_id}/artifacts").json()["items"] == []


def test_a_file_that_is_gone_is_an_error_before_the_first_byte(
    client: TestClient, platform: Platform, url: str
) -> None:
    Storage.open(platform.settings).delete_below("jobs")

    answer = client.get(url)

    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/object-missing"
    assert "jobs/job_" not in answer.text.replace(url, "")


def test_with_a_public_s3_address_a_download_is_redirected(platform: Platform) -> None:
    url = f"/v1/jobs/{platform.finished_job()}/artifacts/model.onnx"
    settings = make_settings(
        platform.settings.database_url.get_secret_value(),
        "s3://bucket/netaug",
        s3_endpoint="http://127.0.0.1:9",
        s3_public_endpoint="https://files.example.org",
        s3_access_key="access",
        s3_secret_key="secret-key",  # noqa: S106  # of no store
    )
    with TestClient(create_app(settings), follow_redirects=False) as client:
        answer = client.get(url, headers=platform.bearer())

    assert answer.status_code == 307
    assert answer.headers["location"].startswith("https://files.example.org/")
    assert "X-Amz-Signature=" in answer.headers["location"]
    assert "secret-key" not in answer.headers["location"]
