"""The dispatcher's clock waits neither for the object store nor, in a circle, for others."""

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import sqlalchemy as sa

from jobs import db, wishes
from jobs.dialect import now_plus
from jobs.states import JobStatus
from jobs.tables import jobs, tenants
from tests.builders import make_job, submit
from tests.servers import free_port

PATIENCE_S = 30.0  # a store may be silent for longer


def test_lost_leases_are_noticed_while_the_store_is_silent(
    engine: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        job = make_job(connection, JobStatus.RUNNING)
    with socket.create_server(("127.0.0.1", 0)) as store:
        store.settimeout(PATIENCE_S)
        dispatcher = start(database_url, store.getsockname()[1], tmp_path)
        try:
            with store.accept()[0]:  # the sweep asks the store, which never answers
                with engine.begin() as connection:
                    connection.execute(sa.update(jobs).values(lease_until=now_plus(-1)))
                until_queued(engine, job.id)
            dispatcher.terminate()
            assert dispatcher.wait(PATIENCE_S) == 0
        finally:
            dispatcher.kill()
            dispatcher.wait()


def start(database_url: str, port: int, directory: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "worker.dispatcher"],
        env={
            "PYTHONPATH": ":".join(sys.path),
            "NETAUG_DATABASE_URL": database_url,
            "NETAUG_BROKER_URL": "filesystem://",
            "NETAUG_BROKER_DIR": str(directory / "broker"),
            "NETAUG_STORAGE_URL": "s3://bucket",
            "NETAUG_S3_ENDPOINT": f"http://127.0.0.1:{port}",
            "NETAUG_S3_ACCESS_KEY": "access",
            "NETAUG_S3_SECRET_KEY": "secret",
            "NETAUG_DISPATCH_SECONDS": "0.1",
        },
    )


def until_queued(engine: sa.Engine, job_id: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    wanted = sa.select(jobs.c.status).where(jobs.c.id == job_id)
    while True:
        with db.reading(engine) as connection:
            if connection.scalar(wanted) is JobStatus.QUEUED:
                return
        assert time.monotonic() < deadline, "the lost lease was not noticed"
        threading.Event().wait(0.1)


def test_the_repair_of_marks_never_waits_for_a_tenant_with_a_later_one_locked(
    postgres_engine: sa.Engine, postgres_url: str, tmp_path: Path
) -> None:
    # fails if one transaction sets b's mark, then clears a's: others lock a first, then b
    with postgres_engine.begin() as connection:
        submit(connection, tenant="b")
        connection.execute(sa.update(tenants).values(waiting=False))
        wishes.cancel(connection, "a", submit(connection, tenant="a").id)
    with postgres_engine.begin() as connection:
        lock(connection, "a")
        dispatcher = start(postgres_url, free_port(), tmp_path)
        try:
            until_one_waits_for_a_lock(postgres_engine)
            lock(connection, "b")
        finally:
            dispatcher.kill()
            dispatcher.wait()


def lock(connection: sa.Connection, tenant: str) -> None:
    only = sa.select(tenants.c.name).where(tenants.c.name == tenant)
    assert connection.execute(only.with_for_update(nowait=True)).first()


def until_one_waits_for_a_lock(engine: sa.Engine) -> None:
    waits = sa.text(
        "SELECT 1 FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with db.reading(engine) as connection:
            if connection.execute(waits).first():
                return
        assert time.monotonic() < deadline, "nobody waits for a lock"
        threading.Event().wait(0.05)
