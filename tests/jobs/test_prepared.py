"""Statements past SQLAlchemy's machinery: its values, its types and its errors."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from jobs import db, queries
from jobs.prepared import Prepared
from jobs.states import JobStatus
from jobs.tables import jobs, tenants
from tests.builders import TENANT, submit

_END = sa.func.pg_terminate_backend(sa.func.pg_backend_pid())


def test_rows_are_those_of_the_ordinary_way(connection: sa.Connection) -> None:
    job = submit(connection)
    statement = sa.select(*queries.JOB_COLUMNS).where(jobs.c.id == sa.bindparam("id"))
    (row,) = Prepared(statement).rows(connection, {"id": job.id})
    assert row == tuple(connection.execute(statement, {"id": job.id}).one())


def test_words_times_and_documents_are_what_their_columns_say(connection: sa.Connection) -> None:
    job = queries.get_job(connection, TENANT, submit(connection).id)
    assert job.status is JobStatus.QUEUED
    assert job.created_at.utcoffset() == timedelta()
    assert job.spec["model"]["width"] == 0.1
    assert (job.failure, job.finished_at, job.result) == (None, None, None)


def test_what_is_sent_is_made_what_the_driver_takes(connection: sa.Connection) -> None:
    moment = sa.bindparam("moment", type_=jobs.c.created_at.type)
    tags = sa.bindparam("tags", type_=jobs.c.tags.type)
    word = sa.bindparam("status", type_=jobs.c.status.type)
    statement = Prepared(sa.select(moment, tags, word))
    now = datetime(2026, 5, 4, 3, 2, 1, 987654, tzinfo=UTC)
    values = {"moment": now, "tags": ["a"], "status": JobStatus.FAILED}
    assert statement.rows(connection, values) == [(now, ["a"], JobStatus.FAILED)]


def test_a_statement_without_rows_is_sent_in_the_transaction(engine: sa.Engine) -> None:
    insert = Prepared(sa.insert(tenants), columns=("name",))
    with engine.connect() as connection:
        insert.send(connection, {"name": "ours"})
        connection.rollback()
        assert connection.execute(sa.select(tenants.c.name)).all() == []


def test_a_broken_rule_is_sqlalchemys_error(connection: sa.Connection) -> None:
    insert = Prepared(sa.insert(tenants), columns=("name",))
    insert.send(connection, {"name": "ours"})
    with pytest.raises(sa.exc.IntegrityError):
        insert.send(connection, {"name": "ours"})


def test_after_a_lost_connection_the_pool_trusts_no_other(postgres_url: str) -> None:
    engine = db.create_engine(postgres_url)
    with engine.connect() as lost, engine.connect() as other:
        other.close()
        with pytest.raises(sa.exc.OperationalError):
            Prepared(sa.select(_END)).rows(lost, {})
        assert lost.invalidated
    with db.reading(engine) as connection:  # the other one's place is taken by a new connection
        assert Prepared(sa.select(sa.literal(1))).rows(connection, {}) == [(1,)]
    engine.dispose()


def test_who_listens_hears_every_statement(connection: sa.Connection) -> None:
    heard: list[str] = []
    sa.event.listen(connection, "before_cursor_execute", lambda *given: heard.append(given[2]))
    Prepared(sa.select(sa.literal(1))).rows(connection, {})
    assert heard[-1].startswith("SELECT")  # SQLite has its BEGIN before


def test_numbers_are_the_same_in_binary_form(connection: sa.Connection) -> None:
    job = submit(connection)
    wanted = (jobs.c.seconds_used, jobs.c.attempt, jobs.c.ready, jobs.c.gpus, jobs.c.created_at)
    statement = sa.select(*wanted).where(jobs.c.id == sa.bindparam("id"))
    text, binary = Prepared(statement), Prepared(statement, binary=True)
    assert binary.rows(connection, {"id": job.id}) == text.rows(connection, {"id": job.id})
