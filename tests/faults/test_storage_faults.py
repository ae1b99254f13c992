"""Rows 12 and 13: a store that is full, read-only, slow, broken or away; killed uploads."""

import hashlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from jobs.errors import StorageUnavailable
from jobs.settings import Settings
from jobs.states import AttemptOutcome, JobStatus
from jobs.storage import Storage
from netaug_core.events import CheckpointWritten
from tests.faults import invariants
from tests.faults.installation import Installation, chain_spec
from tests.faults.store_proxy import Fault, StoreProxy
from tests.servers import MotoServer, Redis, S3Server
from tests.skipping import served
from worker.trainer_process import WorkDir
from worker.uploads import Uploads

KEY = "jobs/job_a/1/artifacts/model.onnx"
CONTENT = os.urandom(3 << 20)
SIZE, SHA256 = len(CONTENT), hashlib.sha256(CONTENT).hexdigest()
ANSWER_S = 0.5
REQUESTS_OF_ONE_TRY = 5  # the store's client itself sends a request again
UPLOAD = """
import sys
from pathlib import Path
from jobs.settings import Settings
from jobs.storage import Storage
Storage.open(Settings(), multipart_bytes=int(sys.argv[3])).put(sys.argv[1], Path(sys.argv[2]))
"""


@pytest.fixture(scope="module", params=[S3Server, MotoServer])
def server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    with served(request.param) as server:
        yield server


@pytest.fixture
def proxy(server: S3Server) -> Iterator[StoreProxy]:
    with StoreProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


def through(proxy: StoreProxy, server: S3Server, prefix: str) -> Storage:
    return Storage.open(
        server.settings("sqlite://", prefix, s3_endpoint=proxy.url, storage_answer_seconds=ANSWER_S)
    )


@pytest.mark.parametrize(
    "faults",
    [
        [Fault.UNAVAILABLE] * 3,
        [Fault.CUT_REQUEST, Fault.CUT_REQUEST],
        [Fault.SLOW],
    ],
    ids=lambda faults: faults[0].name,
)
def test_an_upload_is_tried_again(
    server: S3Server, proxy: StoreProxy, file: Path, tmp_path: Path, faults: list[Fault]
) -> None:
    storage = through(proxy, server, tmp_path.name)
    proxy.next(*faults)
    storage.put_checked(KEY, file, size_bytes=SIZE, sha256=SHA256)
    assert proxy.faults_done == faults


@pytest.mark.parametrize(
    "faults",
    [[Fault.UNAVAILABLE] * 3, [Fault.CUT_ANSWER], [Fault.SLOW]],
    ids=lambda faults: faults[0].name,
)
def test_a_download_is_tried_again(
    server: S3Server, proxy: StoreProxy, file: Path, tmp_path: Path, faults: list[Fault]
) -> None:
    storage = through(proxy, server, tmp_path.name)
    storage.put(KEY, file)
    proxy.next(*faults)
    storage.fetch(KEY, tmp_path / "copy", size_bytes=SIZE, sha256=SHA256)
    assert (tmp_path / "copy").read_bytes() == CONTENT
    assert proxy.faults_done == faults


def test_other_bytes_than_sent_are_found_after_the_upload(
    server: S3Server, proxy: StoreProxy, file: Path, tmp_path: Path
) -> None:
    storage = through(proxy, server, tmp_path.name)
    proxy.next(Fault.FLIP_REQUEST)
    with pytest.raises(StorageUnavailable, match=r"model\.onnx"):
        storage.put_checked(KEY, file, size_bytes=SIZE, sha256=SHA256)


def test_the_checkpoint_on_its_way_is_kept_and_the_newest_that_waits(
    server: S3Server, proxy: StoreProxy, tmp_path: Path
) -> None:
    work = WorkDir(tmp_path / "attempt")
    for folder in (work.path, work.output, work.uploads):
        folder.mkdir()
    uploads = Uploads(through(proxy, server, tmp_path.name), "job_a", 1, work, patience_s=60.0)
    proxy.always(Fault.SLOW)

    for step in (5, 6, 7):
        (work.output / f"checkpoint-{step}.pt").write_bytes(CONTENT)
        uploads.checkpoint(
            CheckpointWritten(
                name=f"checkpoint-{step}.pt", step=step, epoch=0, size_bytes=SIZE, sha256=SHA256
            )
        )
        assert proxy.is_held.wait(60)
    proxy.always(None)
    uploads.run(lambda: None).result()

    assert [stored.step for stored in uploads.stored_checkpoints()] == [5, 7]
    assert list(work.uploads.iterdir()) == []
    uploads.close()


@pytest.mark.parametrize("threshold", [SIZE, 1], ids=["one request", "several parts"])
def test_an_upload_that_is_killed_is_never_listed(
    server: S3Server, proxy: StoreProxy, file: Path, tmp_path: Path, threshold: int
) -> None:
    proxy.always(Fault.SLOW)
    settings = server.settings("sqlite://", tmp_path.name, s3_endpoint=proxy.url)
    upload = upload_process(settings, file, threshold)
    assert proxy.is_held.wait(60)
    upload.send_signal(signal.SIGKILL)
    assert upload.wait(60) == -signal.SIGKILL
    direct = Storage.open(server.settings("sqlite://", tmp_path.name))
    assert direct.page("jobs") == []
    direct.put_checked(KEY, file, size_bytes=SIZE, sha256=SHA256)


def upload_process(settings: Settings, file: Path, threshold: int) -> "subprocess.Popen[bytes]":
    given = settings.model_dump(exclude_none=True, exclude_unset=True)
    environment = {
        f"NETAUG_{name.upper()}": value.get_secret_value()
        if isinstance(value, SecretStr)
        else str(value)
        for name, value in given.items()
    }
    return subprocess.Popen(
        [sys.executable, "-c", UPLOAD, KEY, str(file), str(threshold)],
        env=os.environ | environment,
    )


@pytest.mark.parametrize("threshold", [1 << 40, 1], ids=["one write", "several parts"])
def test_a_local_upload_that_is_killed_is_never_listed_and_swept(
    tmp_path: Path, threshold: int
) -> None:
    large = tmp_path / "large"
    with large.open("wb") as sparse:
        sparse.truncate(400 << 20)
    settings = Settings(
        database_url=SecretStr("sqlite://"), storage_url=f"file://{tmp_path}/objects"
    )
    upload = upload_process(settings, large, threshold)
    while not (halves := list((tmp_path / "objects").rglob("*#*"))):
        assert upload.poll() is None, "the upload ended before it was seen"
    upload.send_signal(signal.SIGKILL)
    assert upload.wait(60) == -signal.SIGKILL
    storage = Storage.open(settings)
    assert halves[0].exists()
    assert storage.page("jobs") == []
    assert storage.remove_half_uploads("jobs", before=datetime.fromtimestamp(0, UTC)) == 0
    assert storage.remove_half_uploads("jobs", before=datetime.now(UTC)) == 1
    assert not halves[0].exists()


class BucketInstallation(Installation):
    """An installation whose objects lie behind a proxy, in the bucket of rclone's server."""

    def __init__(self, urls: tuple[str, str], directory: Path, bucket: Path) -> None:
        super().__init__(*urls, directory)
        self._bucket = bucket

    @property
    def storage(self) -> Path:
        return self._bucket


@pytest.fixture
def broken_store() -> Iterator[tuple[S3Server, StoreProxy]]:
    with served(S3Server) as server, StoreProxy(server.port) as proxy:
        yield server, proxy


@pytest.fixture
def behind_proxy(
    broken_store: tuple[S3Server, StoreProxy], postgres_url: str, own_redis: Redis, tmp_path: Path
) -> Iterator[Installation]:
    server, proxy = broken_store
    installed = BucketInstallation((postgres_url, own_redis.url), tmp_path, server.bucket)
    installed.environment |= {
        "NETAUG_STORAGE_URL": f"s3://{server.BUCKET}",
        "NETAUG_S3_ENDPOINT": proxy.url,
        "NETAUG_S3_ACCESS_KEY": server.ACCESS_KEY,
        "NETAUG_S3_SECRET_KEY": server.SECRET_KEY,
        "NETAUG_STORAGE_ANSWER_SECONDS": str(ANSWER_S),
    }
    with invariants.checked(installed):
        yield installed


def running_job(installed: Installation, **spec: object) -> str:
    """A job that has stored its first checkpoint."""
    installed.start_api()
    installed.start("dispatcher")
    installed.start("worker")
    job_id = installed.submit(chain_spec(**spec))
    installed.until(lambda: installed.checkpointed(job_id), "a checkpoint is stored")
    return job_id


def test_a_job_whose_store_is_away_for_a_while_succeeds(
    behind_proxy: Installation, broken_store: tuple[S3Server, StoreProxy]
) -> None:
    _, proxy = broken_store
    proxy.always(Fault.UNAVAILABLE)
    behind_proxy.start_api()
    behind_proxy.start("dispatcher")
    behind_proxy.start("worker")
    job_id = behind_proxy.submit(chain_spec(epochs=1))
    behind_proxy.until(
        lambda: proxy.most_refused_uploads > REQUESTS_OF_ONE_TRY, "a file is tried again"
    )
    proxy.always(None)
    behind_proxy.until_final(job_id)
    job = behind_proxy.job(job_id)
    assert (job.status, job.attempt) == (JobStatus.SUCCEEDED, 1)


def test_an_attempt_whose_store_stays_away_is_lost_and_the_next_one_resumes(
    behind_proxy: Installation, broken_store: tuple[S3Server, StoreProxy]
) -> None:
    _, proxy = broken_store
    behind_proxy.environment["NETAUG_STORAGE_PATIENCE_SECONDS"] = "0.1"
    job_id = running_job(behind_proxy)
    proxy.always(Fault.UNAVAILABLE)
    behind_proxy.until(lambda: behind_proxy.attempts(job_id)[0].outcome, "the attempt ends")
    proxy.always(None)
    behind_proxy.until_final(job_id)
    first, *_, last = behind_proxy.attempts(job_id)
    assert first.outcome is AttemptOutcome.LOST
    assert "model.safetensors" in str(first.message)
    assert "503" in str(first.message)
    assert last.from_step
    assert behind_proxy.job(job_id).status is JobStatus.SUCCEEDED


def test_a_store_that_cuts_stalls_and_mixes_up_bytes_leaves_no_wrong_model(
    behind_proxy: Installation, broken_store: tuple[S3Server, StoreProxy]
) -> None:
    _, proxy = broken_store
    faults = [
        *(Fault.FLIP_REQUEST, Fault.CUT_REQUEST, Fault.UNAVAILABLE, Fault.FLIP_ANSWER),
        *(Fault.SLOW, Fault.CUT_ANSWER, Fault.FLIP_REQUEST),
    ]
    proxy.next(*faults)
    behind_proxy.start_api()
    behind_proxy.start("dispatcher")
    behind_proxy.start("worker")
    jobs = [behind_proxy.submit(chain_spec(seed=seed)) for seed in range(2)]
    behind_proxy.until_final(*jobs)
    assert proxy.faults_done == faults
    assert {behind_proxy.job(job_id).status for job_id in jobs} == {JobStatus.SUCCEEDED}


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    """A file system of one megabyte; skips where this process may not mount one.

    It is mounted elsewhere: if this process is killed, pytest can still remove its directories.
    """
    disk = tempfile.mkdtemp(prefix="netaug-disk-")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    path.symlink_to(disk)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
        Path(disk).rmdir()


@pytest.fixture
def on_small_disk(postgres_url: str, own_redis: Redis, tmp_path: Path) -> Iterator[Installation]:
    with small_disk(tmp_path / "storage"):
        installed = Installation(postgres_url, own_redis.url, tmp_path)
        with invariants.checked(installed):
            yield installed


def fill(directory: Path) -> Path:
    """Take the last free byte of a file system."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"0" * 4096)
        except OSError:
            return filler


def test_a_full_store_ends_the_job_with_the_reason_and_keeps_its_checkpoint(
    on_small_disk: Installation,
) -> None:
    job_id = running_job(on_small_disk, epochs=4, max_attempts=1)
    filler = fill(on_small_disk.storage)
    on_small_disk.until_final(job_id)
    failed = on_small_disk.job(job_id)
    assert failed.status is JobStatus.FAILED
    assert "no space left in the store" in str(failed.failure_message)
    kept = on_small_disk.checkpointed(job_id)

    filler.unlink()
    assert on_small_disk.call("POST", f"/v1/jobs/{job_id}/retry").status == 202
    on_small_disk.until_final(job_id)
    assert on_small_disk.job(job_id).status is JobStatus.SUCCEEDED
    assert on_small_disk.attempts(job_id)[-1].from_step == kept


def test_a_read_only_store_ends_the_job_with_the_reason(on_small_disk: Installation) -> None:
    on_small_disk.environment["NETAUG_STORAGE_PATIENCE_SECONDS"] = "0"
    job_id = running_job(on_small_disk, epochs=4, max_attempts=1)
    storage = on_small_disk.storage
    subprocess.run(["mount", "-o", "remount,ro", storage.resolve()], check=True)
    on_small_disk.until_final(job_id)
    assert "Read-only file system" in str(on_small_disk.job(job_id).failure_message)
    subprocess.run(["mount", "-o", "remount,rw", storage.resolve()], check=True)


def test_a_model_that_changed_in_the_store_is_never_downloaded_whole(
    installation: Installation,
) -> None:
    job_id = running_job(installation)
    installation.until_final(job_id)
    (path,) = installation.storage.rglob("model.safetensors")
    whole = path.read_bytes()
    path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        installation.call("GET", f"/v1/jobs/{job_id}/artifacts/model.safetensors")
    path.write_bytes(whole)
