"""Objects by key, in a local directory or an S3 bucket. Keys are made here, never by a user."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, S3Store

from jobs.errors import ObjectMissing, StorageUnavailable
from jobs.settings import Settings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

# A missing object: obstore raises the built-in error for some calls and its own for others.
MISSING = (NotFoundError, FileNotFoundError)
PRESIGNED_SECONDS = 300
READ_BYTES = 1 << 20
DELETE_BATCH = 1000
CLIENT_TIMEOUTS: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(seconds=120),
}
RETRIES: "RetryConfig" = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}


def job_prefix(job_id: str) -> str:
    """Below it lies everything that belongs to a job."""
    return f"jobs/{job_id}"


def attempt_key(job_id: str, attempt: int, kind: str, name: str) -> str:
    """Where an attempt puts a file: no two attempts ever write the same object."""
    return f"{job_prefix(job_id)}/{attempt}/{kind}/{name}"


class Storage:
    """One bucket or directory.

    Raises:
        StorageUnavailable: from every call, while the store does not answer.
    """

    def __init__(
        self, store: LocalStore | S3Store, *, directory: Path | None, public: S3Store | None = None
    ) -> None:
        self._store = store
        self._directory = directory
        self._public = public

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The storage that the settings name.

        Raises:
            ValueError: the URL is neither file:///directory nor s3://bucket/prefix.
        """
        url = urlsplit(settings.storage_url)
        if url.scheme == "file" and url.path:
            directory = Path(url.path)
            directory.mkdir(parents=True, exist_ok=True)
            return cls(LocalStore(prefix=directory), directory=directory)
        if url.scheme == "s3" and url.netloc:
            public = settings.s3_public_endpoint
            return cls(
                _s3(settings, url.netloc, url.path, settings.s3_endpoint),
                directory=None,
                public=_s3(settings, url.netloc, url.path, public) if public else None,
            )
        raise ValueError(
            "NETAUG_STORAGE_URL must be file:///directory or s3://bucket/prefix; "
            f"got {settings.storage_url!r}"
        )

    def put(self, key: str, path: Path) -> None:
        """Store a file. It is visible whole or not at all."""
        try:
            obstore.put(self._store, key, path)
        except (BaseError, OSError) as error:
            raise StorageUnavailable(f"cannot store {key}: {error}") from error
        if self._directory is not None:
            _flush(self._directory / key)

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

    def fetch(self, key: str, path: Path, *, size_bytes: int, sha256: str) -> None:
        """Copy an object to a file and check that it is what was stored.

        Raises:
            ObjectMissing: it is gone, or its size or digest is another.
        """
        if self.size(key) != size_bytes:
            raise ObjectMissing(f"{key} has another size than the {size_bytes} bytes stored")
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for block in self.read(key, start=0, end=size_bytes):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != sha256:
            raise ObjectMissing(f"{key} has another SHA-256 than {sha256}")

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

    def presign(self, key: str) -> str | None:
        """An address where a user may read the object for five minutes, if there is one."""
        if self._public is None:
            return None
        return obstore.sign(self._public, "GET", key, timedelta(seconds=PRESIGNED_SECONDS))

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key below a prefix."""
        try:
            for batch in obstore.list(self._store, prefix=prefix):
                yield from (str(entry["path"]) for entry in batch)
        except BaseError as error:
            raise StorageUnavailable(f"cannot list {prefix}: {error}") from error

    def delete(self, keys: list[str]) -> None:
        """Delete objects; one that is gone already is no error."""
        for index in range(0, len(keys), DELETE_BATCH):
            batch = keys[index : index + DELETE_BATCH]
            try:
                obstore.delete(self._store, batch)
            except MISSING:
                self._delete_singly(batch)  # the one that is gone kept the rest of its batch
            except BaseError as error:
                raise StorageUnavailable(f"cannot delete objects: {error}") from error

    def _delete_singly(self, keys: list[str]) -> None:
        for key in keys:
            try:
                obstore.delete(self._store, key)
            except MISSING:
                continue
            except BaseError as error:
                raise StorageUnavailable(f"cannot delete {key}: {error}") from error

    def delete_below(self, prefix: str) -> int:
        """Delete everything below a prefix; how many objects that were."""
        keys = list(self.keys(prefix))
        self.delete(keys)
        if self._directory is not None:
            _remove_tree(self._directory / prefix)
        return len(keys)

    def check(self) -> None:
        """Raise StorageUnavailable unless the store answers."""
        if self._directory is not None and not os.access(self._directory, os.R_OK | os.W_OK):
            raise StorageUnavailable(f"{self._directory} is gone or cannot be written to")
        next(self.keys("readiness"), None)


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
        client_options={**CLIENT_TIMEOUTS, "allow_http": plain},
        retry_config=RETRIES,
    )


def _flush(path: Path) -> None:
    """Make a local object survive a power cut before anyone is told that it is stored."""
    for place in (path, path.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_tree(directory: Path) -> None:
    """Remove what listing does not show: empty directories, and uploads that were cut off."""
    if directory.is_dir():
        shutil.rmtree(directory)
