import threading

import pytest
import sqlalchemy as sa

from jobs import db, notices
from tests.builders import submit

PATIENCE_S = 20.0  # far more than a wake-up needs; a test that passes does not wait for it


def submit_in_a_thread(engine: sa.Engine) -> threading.Thread:
    def commit() -> None:
        with db.writing(engine) as connection:
            submit(connection)

    thread = threading.Thread(target=commit)
    thread.start()
    return thread


@pytest.mark.parametrize("channel", [notices.EVENTS, notices.OUTBOX])
def test_postgres_says_which_job_changed(postgres_engine: sa.Engine, channel: str) -> None:
    with notices.listening(postgres_engine, channel) as listener:
        with db.writing(postgres_engine) as connection:
            job = submit(connection)
        assert listener.wait(PATIENCE_S) == {job.id}


def test_a_commit_wakes_a_listener_that_waits(engine: sa.Engine) -> None:
    with notices.listening(engine, notices.OUTBOX) as listener:
        thread = submit_in_a_thread(engine)
        assert listener.wait(PATIENCE_S) != set()
        thread.join()


def test_without_a_commit_the_wait_ends_empty(engine: sa.Engine) -> None:
    with notices.listening(engine, notices.OUTBOX) as listener:
        assert listener.wait(0.1) == set()


def test_a_commit_is_told_once(engine: sa.Engine) -> None:
    with notices.listening(engine, notices.OUTBOX) as listener:
        submit_in_a_thread(engine).join()
        assert listener.wait(PATIENCE_S) != set()
        assert listener.wait(0.1) == set()


def test_a_rolled_back_change_is_not_told(engine: sa.Engine) -> None:
    with notices.listening(engine, notices.OUTBOX) as listener:
        with engine.connect() as connection:
            submit(connection)
        assert listener.wait(0.1) == set()


def test_a_listener_on_sqlite_holds_no_lock(sqlite_url: str) -> None:
    # A listener inside a transaction would keep the writer out until the busy timeout.
    engine = db.create_engine(sqlite_url)
    with notices.listening(engine, notices.OUTBOX) as listener:
        listener.wait(0.0)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=0")
            submit(connection)
            connection.commit()
            checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"  # is busy while a reader stands
            assert connection.connection.cursor().execute(checkpoint).fetchone()[0] == 0
        assert listener.wait(PATIENCE_S) is None
    engine.dispose()
