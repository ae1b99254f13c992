"""Objects by key, in a local directory or an S3 bucket. Keys are made here, never by a user."""

import contextlib
import errno
import hashlib
import heapq
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, S3Store

from jobs.errors import NoSpace, ObjectMissing, StorageUnavailable
from jobs.settings import Settings

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import RetryConfig

# A missing object: obstore raises the built-in error for some calls and its own for others.
MISSING = (NotFoundError, FileNotFoundError)
JOBS = "jobs"  # below it lies everything
PRESIGNED_SECONDS = 300
READ_BYTES = 1 << 20
DELETE_BATCH = 1000
MULTIPART_BYTES = 64 << 20  # up to here one request: what dies in it leaves nothing in a bucket
PART_BYTES = 16 << 20
PARTS_AT_ONCE = 4
CONNECT_S = 5.0
RETRIES: "RetryConfig" = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
CHECKSUM = "sha256"  # sent with every upload; a store that knows it refuses other bytes
HALF = "#"  # a local upload is written to KEY#1 and renamed when it is whole
OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT}


def job_prefix(job_id: str) -> str:
    """Below it lies everything that belongs to a job."""
    return f"{JOBS}/{job_id}"


def job_of_key(key: str) -> str:
    """The job that an object belongs to."""
    return key.split("/")[1]


def attempt_key(job_id: str, attempt: int, kind: str, name: str) -> str:
    """Where an attempt puts a file: no two attempts ever write the same object."""
    return f"{job_prefix(job_id)}/{attempt}/{kind}/{name}"


@dataclass(frozen=True)
class Stored:
    """An object as the store lists it."""

    key: str
    size_bytes: int
    stored_at: datetime  # aware, UTC, by the store's clock


class Storage:
    """One bucket or directory.

    Raises:
        StorageUnavailable: from every call, while the store does not answer.
    """

    def __init__(
        self,
        store: LocalStore | S3Store,
        *,
        directory: Path | None,
        public: S3Store | None = None,
        multipart_bytes: int = MULTIPART_BYTES,
    ) -> None:
        self._store = store
        self._directory = directory
        self._public = public
        self._multipart_bytes = multipart_bytes

    @classmethod
    def open(cls, settings: Settings, *, multipart_bytes: int = MULTIPART_BYTES) -> Self:
        """The storage that the settings name. A larger file goes to a bucket in several parts.

        Raises:
            ValueError: the URL is neither file:///directory nor s3://bucket/prefix.
        """
        url = urlsplit(settings.storage_url)
        if url.scheme == "file" and url.path:
            directory = Path(url.path)
            directory.mkdir(parents=True, exist_ok=True)
            return cls(
                LocalStore(prefix=directory), directory=directory, multipart_bytes=multipart_bytes
            )
        if url.scheme == "s3" and url.netloc:
            public = settings.s3_public_endpoint
            return cls(
                _s3(settings, url.netloc, url.path, settings.s3_endpoint),
                directory=None,
                public=_s3(settings, url.netloc, url.path, public) if public else None,
                multipart_bytes=multipart_bytes,
            )
        raise ValueError(
            "NETAUG_STORAGE_URL must be file:///directory or s3://bucket/prefix; "
            f"got {settings.storage_url!r}"
        )

    def put(self, key: str, path: Path) -> None:
        """Store a file. It is visible whole or not at all.

        Raises:
            NoSpace: the disk that holds the store is full.
        """
        try:
            size_bytes = path.stat().st_size
            obstore.put(
                self._store,
                key,
                path,
                use_multipart=size_bytes > self._multipart_bytes,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
            if self._directory is not None:
                stored = self._directory / key
                flush(stored, stored.parent)
        except (BaseError, OSError) as error:
            self._remove_halves(key)
            if self._is_full(error):
                raise NoSpace(
                    f"cannot store {key}: no space left in the store; free some"
                ) from error
            raise StorageUnavailable(f"cannot store {key}: {error}") from error

    def _is_full(self, error: Exception) -> bool:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno in OUT_OF_SPACE
        return self._directory is not None and os.strerror(errno.ENOSPC) in str(error)

    def _remove_halves(self, key: str) -> None:
        """Remove what a failed upload of this process left beside its key."""
        if self._directory is not None:
            path = self._directory / key
            with contextlib.suppress(OSError):
                for half in path.parent.glob(f"{path.name}{HALF}*"):
                    half.unlink()

    def put_checked(self, key: str, path: Path, *, size_bytes: int, sha256: str) -> None:
        """Store a file, and read it back: what is there afterwards is what was meant.

        Raises:
            NoSpace: the disk that holds the store is full.
            StorageUnavailable: also if the store keeps other bytes than it was sent.
        """
        self.put(key, path)
        try:
            for _ in self.read_whole(key, size_bytes=size_bytes, sha256=sha256):
                pass
        except ObjectMissing as error:
            raise StorageUnavailable(f"the store keeps other bytes than sent: {error}") from error

    def read(self, key: str, *, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end`.

        The object is read from its beginning: these files are small, and not every S3-compatible
        store answers a range as S3 does.

        Raises:
            ObjectMissing: there is no such object.
        """
        position = 0
        try:
            for block in obstore.get(self._store, key).stream(min_chunk_size=READ_BYTES):
                wanted = bytes(block)[max(0, start - position) : max(0, end - position)]
                position += len(block)
                if wanted:
                    yield wanted
                if position >= end:
                    return
        except MISSING as error:
            raise ObjectMissing(f"{key} is not in storage") from error
        except BaseError as error:
            raise StorageUnavailable(f"cannot read {key}: {error}") from error

    def read_whole(self, key: str, *, size_bytes: int, sha256: str) -> Iterator[bytes]:
        """All bytes of an object. The last block comes only if the digest of all is right.

        Raises:
            ObjectMissing: it is gone, or its size or digest is another.
        """
        if self.size(key) != size_bytes:
            raise ObjectMissing(f"{key} has another size than the {size_bytes} bytes stored")
        digest, held = hashlib.sha256(), b""
        for block in self.read(key, start=0, end=size_bytes):
            digest.update(block)
            if held:
                yield held
            held = block
        if digest.hexdigest() != sha256:
            raise ObjectMissing(f"{key} has another SHA-256 than {sha256}")
        yield held

    def fetch(self, key: str, path: Path, *, size_bytes: int, sha256: str) -> None:
        """Copy an object to a file and check that it is what was stored.

        Raises:
            ObjectMissing: it is gone, or its size or digest is another.
        """
        with path.open("wb") as file:
            for block in self.read_whole(key, size_bytes=size_bytes, sha256=sha256):
                file.write(block)

    def size(self, key: str) -> int:
        """Bytes of an object.

        Raises:
            ObjectMissing: there is no such object.
        """
        try:
            return int(obstore.head(self._store, key)["size"])
        except MISSING as error:
            raise ObjectMissing(f"{key} is not in storage") from error
        except BaseError as error:
            raise StorageUnavailable(f"cannot look up {key}: {error}") from error

    def presign(self, key: str, *, seconds: float = PRESIGNED_SECONDS) -> str | None:
        """An address where a user may read the object for a while, if there is one."""
        if self._public is None:
            return None
        return obstore.sign(self._public, "GET", key, timedelta(seconds=seconds))

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key below a prefix."""
        try:
            for batch in obstore.list(self._store, prefix=prefix):
                yield from (str(entry["path"]) for entry in batch)
        except (BaseError, OSError) as error:
            raise StorageUnavailable(f"cannot list {prefix}: {error}") from error

    def page(self, prefix: str, *, after: str = "", limit: int = DELETE_BATCH) -> list[Stored]:
        """The next objects below a prefix in the order of their keys, after a key."""
        try:
            if self._directory is not None:
                return self._page_of_directory(prefix, after, limit)
            listed = obstore.list(
                self._store, prefix=prefix, offset=after or None, chunk_size=limit
            )
            return [_stored(entry) for entry in next(iter(listed), [])]
        except (BaseError, OSError) as error:
            raise StorageUnavailable(f"cannot list {prefix}: {error}") from error

    def _page_of_directory(self, prefix: str, after: str, limit: int) -> list[Stored]:
        # The directory is not listed in the order of the keys.
        entries = (entry for batch in obstore.list(self._store, prefix=prefix) for entry in batch)
        later = (_stored(entry) for entry in entries if str(entry["path"]) > after)
        return heapq.nsmallest(limit, later, key=lambda stored: stored.key)

    def remove_half_uploads(self, prefix: str, *, before: datetime) -> int:
        """Remove local uploads that were cut off before a time; how many there were.

        A bucket has a lifecycle rule for its own (docs/deploy.md).
        """
        if self._directory is None:
            return 0
        try:
            return _remove_halves_below(self._directory / prefix, before)
        except OSError as error:
            raise StorageUnavailable(f"cannot clear {prefix}: {error}") from error

    def delete(self, keys: list[str]) -> None:
        """Delete objects; one that is gone already is no error."""
        for index in range(0, len(keys), DELETE_BATCH):
            batch = keys[index : index + DELETE_BATCH]
            try:
                obstore.delete(self._store, batch)
            except MISSING:
                self._delete_singly(batch)  # the one that is gone kept the rest of its batch
            except (BaseError, OSError) as error:
                raise StorageUnavailable(f"cannot delete objects: {error}") from error

    def _delete_singly(self, keys: list[str]) -> None:
        for key in keys:
            try:
                obstore.delete(self._store, key)
            except MISSING:
                continue
            except (BaseError, OSError) as error:
                raise StorageUnavailable(f"cannot delete {key}: {error}") from error

    def delete_below(self, prefix: str) -> int:
        """Delete everything below a prefix; how many objects that were."""
        keys = list(self.keys(prefix))
        self.delete(keys)
        try:
            if self._directory is not None:
                _remove_tree(self._directory / prefix)
        except OSError as error:
            raise StorageUnavailable(f"cannot clear {prefix}: {error}") from error
        return len(keys)

    def check(self) -> None:
        """Raise StorageUnavailable unless the store answers."""
        if self._directory is not None and not os.access(self._directory, os.R_OK | os.W_OK):
            raise StorageUnavailable(f"{self._directory} is gone or cannot be written to")
        next(self.keys("readiness"), None)


def _stored(entry: "ObjectMeta") -> Stored:
    return Stored(str(entry["path"]), int(entry["size"]), entry["last_modified"].astimezone(UTC))


def _s3(settings: Settings, bucket: str, prefix: str, endpoint: str | None) -> S3Store:
    access, secret = settings.s3_access_key, settings.s3_secret_key
    if access is None or secret is None:
        raise ValueError("s3:// storage needs NETAUG_S3_ACCESS_KEY and NETAUG_S3_SECRET_KEY")
    plain = endpoint is not None and endpoint.startswith("http://")
    return S3Store(
        bucket,
        prefix=prefix.strip("/") or None,
        endpoint=endpoint,
        region=settings.s3_region,
        access_key_id=access.get_secret_value(),
        secret_access_key=secret.get_secret_value(),
        checksum_algorithm=CHECKSUM,
        client_options={
            "connect_timeout": timedelta(seconds=CONNECT_S),
            "timeout": timedelta(seconds=settings.storage_answer_seconds),
            "allow_http": plain,
        },
        retry_config=RETRIES,
    )


def flush(*places: Path) -> None:
    """Make files and directories survive a power cut before anyone is told that they are there."""
    for place in places:
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_halves_below(directory: Path, before: datetime) -> int:
    removed = 0
    for parent, _, names in os.walk(directory, onerror=_raise_unless_gone):
        for half in (Path(parent, name) for name in names if HALF in name):
            with contextlib.suppress(FileNotFoundError):
                if half.stat().st_mtime < before.timestamp():
                    half.unlink()
                    removed += 1
    return removed


def _remove_tree(directory: Path) -> None:
    """Remove what listing does not show: empty directories, and uploads that were cut off."""
    shutil.rmtree(directory, onerror=lambda _call, _path, raised: _raise_unless_gone(raised[1]))


def _raise_unless_gone(error: BaseException) -> None:
    """What is gone already, another dispatcher has removed."""
    if not isinstance(error, FileNotFoundError):
        raise error
