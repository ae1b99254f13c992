"""The same calls over a directory and over a real S3 server."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from jobs.errors import ObjectMissing, StorageUnavailable
from jobs.settings import Settings
from jobs.storage import READ_BYTES, Storage, attempt_key
from netaug_core.datasets import file_digest
from tests.servers import S3Server

CONTENT = os.urandom(READ_BYTES + 100)  # more than one block
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KEY = attempt_key("job_1", 1, "artifacts", "model.onnx")


def local_settings(directory: Path, **values: object) -> Settings:
    return Settings.model_validate(
        {"database_url": "sqlite://", "storage_url": f"file://{directory}", **values}
    )


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    try:
        server = S3Server()
    except FileNotFoundError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return Storage.open(local_settings(tmp_path / "objects"))
    server: S3Server = request.getfixturevalue("s3")
    return Storage.open(server.settings("sqlite://", prefix=tmp_path.name))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


def test_what_was_stored_is_read_back(storage: Storage, file: Path) -> None:
    storage.put(KEY, file)
    assert storage.size(KEY) == len(CONTENT)
    assert b"".join(storage.read(KEY, start=0, end=len(CONTENT))) == CONTENT


@pytest.mark.parametrize(("start", "end"), [(0, 1), (10, 20), (READ_BYTES - 1, READ_BYTES + 1)])
def test_a_part_is_read(storage: Storage, file: Path, start: int, end: int) -> None:
    storage.put(KEY, file)
    assert b"".join(storage.read(KEY, start=start, end=end)) == CONTENT[start:end]


def test_a_fetched_file_is_what_was_stored(storage: Storage, file: Path, tmp_path: Path) -> None:
    storage.put(KEY, file)
    copy = tmp_path / "copy"
    storage.fetch(KEY, copy, size_bytes=len(CONTENT), sha256=DIGEST)
    assert file_digest(copy) == DIGEST


def test_an_object_with_another_digest_is_refused(
    storage: Storage, file: Path, tmp_path: Path
) -> None:
    storage.put(KEY, file)
    with pytest.raises(ObjectMissing, match="another SHA-256"):
        storage.fetch(KEY, tmp_path / "copy", size_bytes=len(CONTENT), sha256="0" * 64)


def test_an_object_of_another_size_is_refused(storage: Storage, file: Path, tmp_path: Path) -> None:
    storage.put(KEY, file)
    with pytest.raises(ObjectMissing, match="another size"):
        storage.fetch(KEY, tmp_path / "copy", size_bytes=3, sha256=DIGEST)


def test_an_object_that_is_gone_is_missing(storage: Storage) -> None:
    with pytest.raises(ObjectMissing, match="not in storage"):
        storage.size("jobs/none")
    with pytest.raises(ObjectMissing, match="not in storage"):
        list(storage.read("jobs/none", start=0, end=1))


def test_storing_again_replaces_the_object(storage: Storage, file: Path) -> None:
    storage.put(KEY, file)
    file.write_bytes(b"new")
    storage.put(KEY, file)
    assert b"".join(storage.read(KEY, start=0, end=3)) == b"new"


def test_listing_and_deleting_stay_below_the_prefix(storage: Storage, file: Path) -> None:
    file.write_bytes(b"x")
    mine, others = ["jobs/a/1/x", "jobs/a/2/y"], ["jobs/ab/1/x", "jobs/b/1/x"]
    for key in (*mine, *others):
        storage.put(key, file)
    assert sorted(storage.keys("jobs/a")) == mine
    assert storage.delete_below("jobs/a") == 2
    assert storage.delete_below("jobs/a") == 0
    assert sorted(storage.keys("jobs")) == others


def test_an_object_that_is_gone_does_not_keep_the_others(storage: Storage, file: Path) -> None:
    for name in ("a", "b", "c"):
        storage.put(f"jobs/x/{name}", file)
    storage.delete(["jobs/x/gone", "jobs/x/a", "jobs/x/gone2", "jobs/x/b", "jobs/x/c"])
    assert list(storage.keys("jobs/x")) == []


def test_a_store_that_answers_passes_its_check(storage: Storage) -> None:
    storage.check()


def test_a_half_upload_is_never_listed_and_is_deleted_with_the_job(
    file: Path, tmp_path: Path
) -> None:
    storage = Storage.open(local_settings(tmp_path / "objects"))
    storage.put("jobs/a/1/x", file)
    half = tmp_path / "objects" / "jobs" / "a" / "1" / "y#1"  # as a killed worker leaves it
    half.write_bytes(b"half")
    assert list(storage.keys("jobs/a")) == ["jobs/a/1/x"]
    assert storage.delete_below("jobs/a") == 1
    assert not (tmp_path / "objects" / "jobs" / "a").exists()


def test_a_presigned_address_needs_no_key(s3: S3Server, file: Path) -> None:
    storage = Storage.open(s3.settings("sqlite://", prefix="signed"))
    storage.put(KEY, file)
    address = storage.presign(KEY)
    assert address is not None
    answer = httpx2.get(address)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert httpx2.get(address.split("?")[0]).status_code in {400, 403}


def test_a_directory_has_no_presigned_addresses(tmp_path: Path) -> None:
    assert Storage.open(local_settings(tmp_path)).presign(KEY) is None


def test_a_store_that_is_away_says_so_in_every_call(file: Path) -> None:
    away = S3Server()
    storage = Storage.open(away.settings("sqlite://"))
    try:
        for call in (
            lambda: storage.put(KEY, file),
            lambda: storage.size(KEY),
            lambda: list(storage.read(KEY, start=0, end=1)),
            lambda: storage.delete([KEY]),
            storage.check,
        ):
            with pytest.raises(StorageUnavailable, match="cannot"):
                call()
    finally:
        away.remove()


@pytest.mark.parametrize("url", ["http://x/y", "file://", "s3:///prefix", "nonsense"])
def test_a_storage_url_of_another_kind_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="NETAUG_STORAGE_URL must be"):
        Storage.open(local_settings(tmp_path, storage_url=url))


def test_s3_without_keys_is_refused(tmp_path: Path) -> None:
    settings = local_settings(tmp_path, storage_url="s3://bucket", s3_access_key=SecretStr("a"))
    with pytest.raises(ValueError, match="NETAUG_S3_SECRET_KEY"):
        Storage.open(settings)
