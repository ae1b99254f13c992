"""A backup restores into nothing: the same rows, and every object that they name."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from jobs import backup, db, keys, processes, removal, retention, schema, tenants
from jobs.__main__ import main
from jobs.errors import BackupUnusable, JobsError, StorageUnavailable
from jobs.keys import Scope
from jobs.recording import StoredCheckpoint, append_checkpoints
from jobs.records import Job
from jobs.settings import Settings
from jobs.states import JobStatus
from jobs.storage import Storage, attempt_key
from jobs.tables import outbox
from jobs.verification import verify_storage
from netaug_core.datasets import file_digest
from tests.builders import make_job
from tests.servers import Postgres, S3Server

KILLED = """
import os, pathlib, sys
from jobs import backup, db
class Killing:
    def fetch(self, *key, **expected):
        os._exit(9)
backup.back_up(db.create_engine(sys.argv[1]), Killing(), pathlib.Path(sys.argv[2]))
"""


def open_storage(directory: Path) -> Storage:
    url = f"file://{directory}"
    return Storage.open(Settings(database_url=SecretStr("sqlite://"), storage_url=url))


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(tmp_path / "objects")


@pytest.fixture
def new_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database of the same kind, without any table."""
    if request.node.callspec.params["database_url"] == "sqlite":
        engine = db.create_engine(f"sqlite:///{tmp_path}/new.db")
        yield engine
        engine.dispose()
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"new_{uuid.uuid4().hex}"
    engine = db.create_engine(server.create_database(name))
    yield engine
    engine.dispose()
    server.drop_database(name)


@pytest.fixture
def checkpointed(engine: sa.Engine, storage: Storage, tmp_path: Path) -> Job:
    """A job that failed, with two checkpoints."""
    file = tmp_path / "file"
    with engine.begin() as connection:
        job = make_job(connection, JobStatus.FAILED, tags=("a", "b"))
        for step in (1, 2):
            add_checkpoint(connection, storage, job, step, file)
        make_job(connection, JobStatus.RUNNING)
        make_job(connection)
    return job


def add_checkpoint(
    connection: sa.Connection, storage: Storage, job: Job, step: int, file: Path
) -> None:
    key = attempt_key(job.id, 1, "checkpoints", f"{step}.pt")
    file.write_text(f"step {step}")
    storage.put(key, file)
    kept = StoredCheckpoint(step, 0, key, file.stat().st_size, file_digest(file))
    tenants.add_stored(connection, job.tenant, append_checkpoints(connection, job.id, 1, (kept,)))


def all_rows(engine: sa.Engine) -> dict[str, list[sa.Row[tuple[object, ...]]]]:
    with db.reading(engine) as connection:
        return {
            table.name: list(
                connection.execute(sa.select(table).order_by(*table.primary_key)).all()
            )
            for table in backup.TABLES
        }


def test_a_restore_brings_every_row_and_object(
    engine: sa.Engine, new_engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    made = backup.back_up(engine, storage, tmp_path / "backup")
    assert (made.objects, made.problems) == (2, ())
    new_storage = open_storage(tmp_path / "new-objects")
    assert backup.restore(new_engine, new_storage, tmp_path / "backup") == made
    assert all_rows(new_engine) == all_rows(engine)
    assert verify_storage(new_engine, new_storage).objects == 2
    assert verify_storage(new_engine, new_storage).problems == ()


def test_new_rows_are_counted_on_after_a_restore(
    engine: sa.Engine, new_engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    backup.back_up(engine, storage, tmp_path / "backup")
    backup.restore(new_engine, storage, tmp_path / "backup")
    with new_engine.begin() as connection:
        before = connection.scalars(sa.select(sa.func.max(outbox.c.id))).one()
        make_job(connection)
        assert connection.scalars(sa.select(sa.func.max(outbox.c.id))).one() == before + 1


def test_a_second_backup_copies_only_what_is_new(
    engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    backup.back_up(engine, storage, tmp_path / "backup")
    storage.delete_below("jobs")  # what is copied already is not asked for again
    assert backup.back_up(engine, storage, tmp_path / "backup").problems == ()


def test_rows_that_come_and_objects_that_are_doomed_meanwhile_do_not_matter(
    engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    class Meanwhile(Storage):
        """The store of a busy installation: before each copy a sweep goes over it."""

        def fetch(self, key: str, path: Path, *, size_bytes: int, sha256: str) -> None:
            retention.Sweep(engine, retention.Rules(1, 0, None, None)).step()
            assert removal.remove_deleted(engine, self) == 0
            with engine.begin() as connection:
                make_job(connection)
            super().fetch(key, path, size_bytes=size_bytes, sha256=sha256)

    busy = Meanwhile(storage._store, directory=tmp_path / "objects")
    made = backup.back_up(engine, busy, tmp_path / "backup")
    assert (made.objects, made.problems) == (2, ())
    assert removal.remove_deleted(engine, storage) == 2
    with db.reading(engine) as connection:
        assert processes.live(connection, processes.BACKUP) == []


def test_an_object_that_changed_is_named(
    engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    key = attempt_key(checkpointed.id, 1, "checkpoints", "1.pt")
    (tmp_path / "objects" / key).write_text("step 7")
    (problem,) = verify_storage(engine, storage).problems
    assert key in problem
    (problem,) = backup.back_up(engine, storage, tmp_path / "backup").problems
    assert key in problem


def test_a_backup_that_was_not_finished_is_refused(
    engine: sa.Engine, new_engine: sa.Engine, storage: Storage, tmp_path: Path
) -> None:
    backup.back_up(engine, storage, tmp_path / "backup")
    (tmp_path / "backup" / "manifest.json").unlink()
    with pytest.raises(BackupUnusable, match="not finished"):
        backup.restore(new_engine, storage, tmp_path / "backup")


def test_a_backup_that_fails_leaves_the_earlier_one_as_it_was(
    engine: sa.Engine, new_engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    earlier, rows = backup.back_up(engine, storage, tmp_path / "backup"), all_rows(engine)
    with engine.begin() as connection:
        add_checkpoint(connection, storage, checkpointed, 9, tmp_path / "file")
    away = S3Server()
    try:
        with pytest.raises(StorageUnavailable):
            backup.back_up(engine, Storage.open(away.settings("sqlite://")), tmp_path / "backup")
    finally:
        away.remove()
    new_storage = open_storage(tmp_path / "new-objects")
    assert backup.restore(new_engine, new_storage, tmp_path / "backup") == earlier
    assert all_rows(new_engine) == rows


def test_of_several_backups_in_a_directory_the_rows_of_the_last_one_stay(
    engine: sa.Engine, new_engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    backup.back_up(engine, storage, tmp_path / "backup")
    with engine.begin() as connection:
        add_checkpoint(connection, storage, checkpointed, 9, tmp_path / "file")
    last = backup.back_up(engine, storage, tmp_path / "backup")
    assert len(list((tmp_path / "backup").rglob("jobs.jsonl"))) == 1
    assert backup.restore(new_engine, storage, tmp_path / "backup") == last


def test_a_second_backup_at_once_is_refused_and_the_first_one_is_whole(
    engine: sa.Engine, new_engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    # fails if both go on: each removed the rows of the other, and neither could be restored
    class Meanwhile(Storage):
        """The store of an operator who starts another backup while the first one copies."""

        def fetch(self, key: str, path: Path, *, size_bytes: int, sha256: str) -> None:
            with pytest.raises(JobsError, match="another backup or restore is under way"):
                backup.back_up(engine, storage, tmp_path / "backup")
            super().fetch(key, path, size_bytes=size_bytes, sha256=sha256)

    made = backup.back_up(
        engine, Meanwhile(storage._store, directory=tmp_path / "objects"), tmp_path / "backup"
    )
    new_storage = open_storage(tmp_path / "new-objects")
    assert backup.restore(new_engine, new_storage, tmp_path / "backup") == made


def test_a_backup_during_a_restore_is_refused(
    engine: sa.Engine, new_engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    class Meanwhile(Storage):
        """The new store, beside whose filling the nightly backup begins."""

        def put(self, key: str, path: Path) -> None:
            with pytest.raises(JobsError, match="another backup or restore is under way"):
                backup.back_up(engine, storage, tmp_path / "backup")
            super().put(key, path)

    made = backup.back_up(engine, storage, tmp_path / "backup")
    new_storage = Meanwhile(open_storage(tmp_path / "new")._store, directory=tmp_path / "new")
    assert backup.restore(new_engine, new_storage, tmp_path / "backup") == made


def test_what_others_keep_beside_a_backup_stays(
    engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    others = tmp_path / "backup" / "rows of beans"
    others.mkdir(parents=True)
    for _ in range(3):
        backup.back_up(engine, storage, tmp_path / "backup")
    assert others.is_dir()


def test_a_backup_that_lacks_objects_leaves_the_earlier_one_as_it_was(
    engine: sa.Engine, new_engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    # fails if it takes the earlier one's place: the good copy was lost with the bad
    earlier, rows = backup.back_up(engine, storage, tmp_path / "backup"), all_rows(engine)
    with engine.begin() as connection:
        for step in (8, 9):
            add_checkpoint(connection, storage, checkpointed, step, tmp_path / "file")
    storage.delete([attempt_key(checkpointed.id, 1, "checkpoints", "9.pt")])
    (problem,) = backup.back_up(engine, storage, tmp_path / "backup").problems
    assert "9.pt" in problem
    new_storage = open_storage(tmp_path / "new-objects")
    assert backup.restore(new_engine, new_storage, tmp_path / "backup") == earlier
    assert all_rows(new_engine) == rows
    assert len(list((tmp_path / "backup").rglob("jobs.jsonl"))) == 1


def test_what_no_row_names_any_more_leaves_the_backup_after_the_next(
    engine: sa.Engine, new_engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    backup.back_up(engine, storage, tmp_path / "backup")
    leftover = tmp_path / "backup" / "objects" / "jobs" / "gone" / "1" / ".9.pt.partial"
    leftover.parent.mkdir(parents=True)
    leftover.touch()  # as a killed backup leaves it
    retention.Sweep(engine, retention.Rules(1, 0, None, None)).step()
    made = backup.back_up(engine, storage, tmp_path / "backup")
    assert made.objects == 0
    assert list((tmp_path / "backup" / "objects").rglob("*")) == []
    assert backup.restore(new_engine, storage, tmp_path / "backup") == made


def test_a_killed_backup_leaves_nothing_after_the_next(
    engine: sa.Engine, database_url: str, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    backup.back_up(engine, storage, tmp_path / "backup")
    with engine.begin() as connection:
        add_checkpoint(connection, storage, checkpointed, 9, tmp_path / "file")
    subprocess.run(
        [sys.executable, "-c", KILLED, database_url, tmp_path / "backup"],
        env={"PYTHONPATH": ":".join(sys.path)},
        check=False,
    )
    assert len(list((tmp_path / "backup").rglob("jobs.jsonl"))) == 2
    backup.back_up(engine, storage, tmp_path / "backup")
    assert len(list((tmp_path / "backup").rglob("jobs.jsonl"))) == 1


def without_last_line(file: Path) -> None:
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize("is_told", [False, True], ids=["digest", "count"])
def test_rows_that_are_not_all_there_are_refused_and_none_is_kept(
    engine: sa.Engine,
    new_engine: sa.Engine,
    storage: Storage,
    checkpointed: Job,
    tmp_path: Path,
    is_told: bool,
) -> None:
    backup.back_up(engine, storage, tmp_path / "backup")
    (cut,) = (tmp_path / "backup").rglob("checkpoints.jsonl")
    without_last_line(cut)
    if is_told:
        manifest = tmp_path / "backup" / "manifest.json"
        told = json.loads(manifest.read_text())
        told["tables"]["checkpoints"]["sha256"] = file_digest(cut)
        manifest.write_text(json.dumps(told))
    with pytest.raises(BackupUnusable, match=r"checkpoints"):
        backup.restore(new_engine, storage, tmp_path / "backup")
    assert not any(all_rows(new_engine).values())


def test_all_of_a_backup_is_on_the_disk_before_its_manifest(
    engine: sa.Engine,
    storage: Storage,
    checkpointed: Job,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flushed: list[int] = []
    directory, fsync = tmp_path / "backup", os.fsync

    def recording(descriptor: int) -> None:
        if not (directory / "manifest.json").exists():
            flushed.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recording)
    backup.back_up(engine, storage, directory)
    everything = [path for path in directory.rglob("*") if path.name != ".lock"]
    assert [path for path in everything if path.stat().st_ino not in flushed] == []


def test_a_backup_that_lost_its_hold_fails_and_says_so(
    engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    class Meanwhile(Storage):
        """The store of an installation that took the backup for gone."""

        def fetch(self, key: str, path: Path, *, size_bytes: int, sha256: str) -> None:
            with engine.begin() as connection:
                for live in processes.live(connection, processes.BACKUP):
                    processes.leave(connection, processes.BACKUP, live.name)
            super().fetch(key, path, size_bytes=size_bytes, sha256=sha256)

    taken_for_gone = Meanwhile(storage._store, directory=tmp_path / "objects")
    with pytest.raises(JobsError, match="run it again"):
        backup.back_up(engine, taken_for_gone, tmp_path / "backup")
    assert not (tmp_path / "backup" / "manifest.json").exists()


def test_a_backup_of_another_release_is_refused(
    engine: sa.Engine, new_engine: sa.Engine, storage: Storage, tmp_path: Path
) -> None:
    backup.back_up(engine, storage, tmp_path / "backup")
    manifest = tmp_path / "backup" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "revision": "0000"}))
    with pytest.raises(BackupUnusable, match="with the release that made it"):
        backup.restore(new_engine, storage, tmp_path / "backup")


def test_a_database_with_jobs_is_not_overwritten(
    engine: sa.Engine, storage: Storage, checkpointed: Job, tmp_path: Path
) -> None:
    backup.back_up(engine, storage, tmp_path / "backup")
    with pytest.raises(BackupUnusable, match="empty one"):
        backup.restore(engine, storage, tmp_path / "backup")


def test_a_database_with_nothing_but_a_key_is_not_overwritten(
    engine: sa.Engine, new_engine: sa.Engine, storage: Storage, tmp_path: Path
) -> None:
    backup.back_up(engine, storage, tmp_path / "backup")
    schema.upgrade(new_engine)
    with new_engine.begin() as connection:
        keys.create(connection, tenant="team", name="mine", scopes=frozenset({Scope.READ}))
    with pytest.raises(BackupUnusable, match="empty one"):
        backup.restore(new_engine, storage, tmp_path / "backup")


def test_the_commands_print_what_they_did(
    engine: sa.Engine,
    database_url: str,
    checkpointed: Job,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NETAUG_DATABASE_URL", database_url)
    monkeypatch.setenv("NETAUG_STORAGE_URL", f"file://{tmp_path}/objects")
    assert main(["verify-storage"]) == 0
    assert capsys.readouterr().out == "2 objects, 12 bytes\n0 problems\n"
    with engine.begin() as connection:
        tenants.add_stored(connection, checkpointed.tenant, 5)
    assert main(["verify-storage"]) == 1
    assert "counted as storing 17 bytes and stores 12" in capsys.readouterr().err
    assert main(["verify-storage", "--repair"]) == 0
    assert main(["verify-storage"]) == 0
    assert capsys.readouterr().out.endswith("0 problems\n")
    assert main(["backup", str(tmp_path / "backup")]) == 0
    assert capsys.readouterr().out.endswith(" rows\n2 objects, 12 bytes\n0 problems\n")
    assert main(["restore", str(tmp_path / "backup")]) == 1
    assert "empty one" in capsys.readouterr().err
    (tmp_path / "objects" / attempt_key(checkpointed.id, 1, "checkpoints", "1.pt")).unlink()
    assert main(["verify-storage"]) == 1
    assert "not in storage" in capsys.readouterr().err
    assert main(["backup", str(tmp_path / "new-backup")]) == 1
    assert "was not kept" in capsys.readouterr().err
