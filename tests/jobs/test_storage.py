"""The same calls over a directory and over a real S3 server."""

import errno
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from jobs.errors import ObjectMissing, StorageUnavailable
from jobs.settings import Settings
from jobs.storage import PART_BYTES, READ_BYTES, Storage, attempt_key
from netaug_core.datasets import file_digest
from tests.servers import MotoServer, S3Server
from tests.skipping import served

CONTENT = os.urandom(READ_BYTES + 100)  # more than one block
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KEY = attempt_key("job_1", 1, "artifacts", "model.onnx")


def local_settings(directory: Path, **values: object) -> Settings:
    return Settings.model_validate(
        {"database_url": "sqlite://", "storage_url": f"file://{directory}", **values}
    )


@pytest.fixture(params=["rclone", "moto"])
def s3(request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(request.param)
    return server


class Directory:
    """What a test does to a store behind its back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def settings(self, prefix: str) -> Settings:
        return local_settings(self._path / prefix)

    def corrupt(self, key: str) -> None:
        content = bytearray((self._path / key).read_bytes())
        content[len(content) // 2] ^= 1
        (self._path / key).write_bytes(content)


@pytest.fixture(scope="module")
def rclone() -> Iterator[S3Server]:
    with served(S3Server) as server:
        yield server


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with served(MotoServer) as server:
        yield server


@pytest.fixture(params=["directory", "rclone", "moto"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Directory | S3Server:
    if request.param == "directory":
        return Directory(tmp_path)
    server: S3Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return tmp_path.name


@pytest.fixture
def storage(store: Directory | S3Server, prefix: str) -> Storage:
    return Storage.open(settings_of(store, prefix), multipart_bytes=READ_BYTES)


def settings_of(store: Directory | S3Server, prefix: str) -> Settings:
    if isinstance(store, Directory):
        return store.settings(prefix)
    return store.settings("sqlite://", prefix)


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


def test_a_flipped_byte_is_found_before_the_last_block(
    storage: Storage, store: Directory | S3Server, prefix: str, file: Path, tmp_path: Path
) -> None:
    storage.put_checked(KEY, file, size_bytes=len(CONTENT), sha256=DIGEST)
    store.corrupt(f"{prefix}/{KEY}")
    with pytest.raises(ObjectMissing, match="another SHA-256"):
        storage.fetch(KEY, tmp_path / "copy", size_bytes=len(CONTENT), sha256=DIGEST)
    assert (tmp_path / "copy").stat().st_size < len(CONTENT)


def test_a_file_that_is_not_what_was_meant_is_not_stored_as_it(
    storage: Storage, file: Path
) -> None:
    with pytest.raises(StorageUnavailable, match="keeps other bytes"):
        storage.put_checked(KEY, file, size_bytes=len(CONTENT), sha256="0" * 64)


def test_a_file_in_several_parts_is_stored_whole(storage: Storage, tmp_path: Path) -> None:
    content = os.urandom(PART_BYTES * 2 + 5)
    (tmp_path / "large").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    storage.put_checked(KEY, tmp_path / "large", size_bytes=len(content), sha256=digest)
    assert [(s.key, s.size_bytes) for s in storage.page("jobs")] == [(KEY, len(content))]


def test_pages_follow_the_order_of_the_keys(storage: Storage, file: Path) -> None:
    file.write_bytes(b"x")
    keys = ["jobs/a/1/x", "jobs/a-b/1/x", "jobs/ab/1/x", "jobs/b/1/x", "jobs/b/2/x"]
    for key in keys:
        storage.put(key, file)
    seen, after = [], ""
    while page := storage.page("jobs", after=after, limit=2):
        seen += [stored.key for stored in page]
        after = page[-1].key
    assert seen == sorted(keys)


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


Act = Callable[[Storage], object]
SWEEPS: dict[str, Act] = {
    "delete_below": lambda storage: storage.delete_below("jobs/a"),
    "remove_half_uploads": lambda storage: storage.remove_half_uploads(
        "jobs", before=datetime.now(UTC) + timedelta(days=1)
    ),
}


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """A job's directory with uploads that were cut off, of several attempts."""
    job = tmp_path / "objects" / "jobs" / "a"
    for attempt in range(30):
        (job / str(attempt)).mkdir(parents=True)
        (job / str(attempt) / "y#1").touch()
    return job


@pytest.mark.parametrize("sweep", SWEEPS)
def test_two_sweeps_of_one_directory_at_once_are_no_error(
    tmp_path: Path, halves: Path, sweep: str
) -> None:
    both = threading.Barrier(2)

    def remove() -> None:
        storage = Storage.open(local_settings(tmp_path / "objects"))
        both.wait()
        SWEEPS[sweep](storage)

    with ThreadPoolExecutor(2) as pool:
        for sweeping in [pool.submit(remove) for _ in range(2)]:
            sweeping.result()
    assert [path for path in halves.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("call", ["scandir", "unlink", "rmdir"])
def test_what_another_removed_first_is_done(
    tmp_path: Path, halves: Path, monkeypatch: pytest.MonkeyPatch, sweep: str, call: str
) -> None:
    storage = Storage.open(local_settings(tmp_path / "objects"))
    real = getattr(os, call)

    def be_second(*arguments: object, **options: object) -> object:
        monkeypatch.setattr(os, call, real)
        shutil.rmtree(halves)
        return real(*arguments, **options)

    monkeypatch.setattr(os, call, be_second)
    SWEEPS[sweep](storage)
    monkeypatch.undo()
    assert not (halves / "0" / "y#1").exists()


@pytest.mark.parametrize(
    ("sweep", "call"), [("delete_below", "rmdir"), *((s, "unlink") for s in SWEEPS)]
)
def test_a_directory_that_cannot_be_cleared_is_a_store_that_is_away(
    tmp_path: Path, halves: Path, monkeypatch: pytest.MonkeyPatch, sweep: str, call: str
) -> None:
    # fails if the error is passed on: it ended the dispatcher
    storage = Storage.open(local_settings(tmp_path / "objects"))

    def refuse(path: str, **_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(StorageUnavailable, match="Permission denied"):
        SWEEPS[sweep](storage)


def test_a_presigned_address_needs_no_key(s3: S3Server, file: Path) -> None:
    storage = Storage.open(s3.settings("sqlite://", prefix="signed"))
    storage.put(KEY, file)
    address = storage.presign(KEY)
    assert address is not None
    answer = httpx2.get(address)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert httpx2.get(address.split("?")[0]).status_code in {400, 403}


def test_a_presigned_address_expires(rclone: S3Server, file: Path) -> None:
    storage = Storage.open(rclone.settings("sqlite://", prefix="expired"))
    storage.put(KEY, file)
    address = storage.presign(KEY, seconds=1)
    assert address is not None
    deadline = time.monotonic() + 30
    while httpx2.get(address).status_code == 200:
        assert time.monotonic() < deadline, "the address never expires"
        time.sleep(0.1)
    assert httpx2.get(address).status_code in {400, 403}


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
