"""What a database says while it is away, read-only or overloaded, and that it may come back."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from jobs import db, tenants

# What Postgres says of itself, not of the statement: the same call may succeed later.
AWAY = {
    "25006": "read-only, as after a failover",
    "25P03": "idle in a transaction for too long",
    "25P04": "in a transaction for too long",
    "40001": "serialization failure",
    "40P01": "deadlock",
    "53100": "disk full",
    "53200": "out of memory",
    "53300": "too many connections",
    "55P03": "lock not available",
    "57014": "statement timeout",
    "57P01": "shut down by an administrator",
    "57P02": "shut down after a crash",
    "57P03": "starting up",
    "57P05": "idle for too long",
    "58030": "cannot read its disk",
}


def raising(code: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '{code}'; END $$"


def freeze(connection: sa.Connection) -> None:
    """Stand still in a transaction for longer than the server bears, then go on."""
    connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 1"))
    threading.Event().wait(0.1)
    tenants.ensure(connection, "a")


@pytest.fixture
def pooled(postgres_url: str) -> Iterator[sa.Engine]:
    """An engine with one connection, which it keeps."""
    engine = db.create_engine(postgres_url, pool_size=1)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("code", AWAY)
def test_what_postgres_says_of_itself_is_unavailable(
    postgres_engine: sa.Engine, postgres_url: str, code: str
) -> None:
    with pytest.raises(db.UNAVAILABLE), db.writing(postgres_engine) as connection:
        connection.execute(sa.text(raising(code)))
    # as jobs.notices listens, below SQLAlchemy
    with pytest.raises(db.UNAVAILABLE), psycopg.connect(postgres_url) as listener:
        listener.execute(raising(code).encode())


def test_what_postgres_says_of_a_statement_is_no_outage(postgres_engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.DataError), db.writing(postgres_engine) as connection:
        connection.execute(sa.text("SELECT 1 / 0"))


def test_a_connection_that_was_read_only_is_not_used_again(
    pooled: sa.Engine, postgres_engine: sa.Engine
) -> None:
    # fails if the pool keeps it: a server that was demoted stays so, and its name moves on
    read_only = f"ALTER DATABASE {pooled.url.database} SET default_transaction_read_only = "
    with postgres_engine.connect() as operator:
        operator.execution_options(isolation_level="AUTOCOMMIT")
        operator.execute(sa.text(f"{read_only} on"))
        with pytest.raises(db.UNAVAILABLE), db.writing(pooled) as connection:
            tenants.ensure(connection, "a")
        operator.execute(sa.text(f"{read_only} off"))
    with db.writing(pooled) as connection:
        tenants.ensure(connection, "a")


def test_a_transaction_that_idled_too_long_is_unavailable_and_the_next_one_works(
    pooled: sa.Engine,
) -> None:
    with pytest.raises(db.UNAVAILABLE), db.writing(pooled) as connection:
        freeze(connection)
    with db.writing(pooled) as connection:
        tenants.ensure(connection, "a")
