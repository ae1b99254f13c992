"""Where Postgres and SQLite differ: the database's clock, stored types, and ignoring conflicts.

All times come from the database: a worker with a wrong clock cannot shorten or stretch a lease.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC datetimes. SQLite keeps them as text with six decimals, which sorts by time."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class WordOf(sa.Enum):
    """The words of an enum, as text with a check. A newer release may have written others.

    Such a word comes back as a member of no name, equal to its text: it is shown and passed on,
    and is none of those that this release acts on.
    """

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        known: Any = super().result_processor(dialect, coltype)  # type: ignore[no-untyped-call]

        def process(value: str | None) -> Any:
            try:
                return known(value)
            except LookupError:
                return None if value is None else _unknown(self.enum_class, value)

        return process


def _unknown(words: Any, text: str) -> Any:
    word = str.__new__(words, text)
    word._name_ = word._value_ = text
    return word


Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts INTEGER keys only


class now_plus(FunctionElement[datetime]):  # noqa: N801  # reads as the SQL function it stands for
    """The database's clock, plus some seconds (may be negative)."""

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, seconds: float | sa.ColumnElement[float] = 0.0) -> None:
        super().__init__(
            sa.literal(float(seconds), sa.Float) if isinstance(seconds, int | float) else seconds
        )


@compiles(now_plus, "postgresql")
def _now_plus_postgresql(element: now_plus, compiler: Any, **kwargs: Any) -> str:
    seconds = compiler.process(element.clauses, **kwargs)
    # As a subquery, which is asked once: an index is not searched for a value that may change.
    return f"(SELECT clock_timestamp() + make_interval(secs => {seconds}))"


@compiles(now_plus, "sqlite")
def _now_plus_sqlite(element: now_plus, compiler: Any, **kwargs: Any) -> str:
    seconds = compiler.process(element.clauses, **kwargs)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', printf('%+.3f seconds', {seconds})) || '000')"


class epoch_seconds(FunctionElement[float]):  # noqa: N801  # reads as the SQL function
    """The database's clock as seconds since 1970."""

    type = sa.Float()
    inherit_cache = True


@compiles(epoch_seconds, "postgresql")
def _epoch_postgresql(_element: epoch_seconds, _compiler: Any, **_: Any) -> str:
    return "extract(epoch FROM clock_timestamp())::float8"


@compiles(epoch_seconds, "sqlite")
def _epoch_sqlite(_element: epoch_seconds, _compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


def insert_new(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that leaves out rows which are there already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def insert_many_new(
    connection: sa.Connection, table: sa.Table, shared: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    """Insert rows that have these values in common, but for those which are there already."""
    if connection.dialect.name == "postgresql":
        # One statement for all: sending each row by itself took twice as long.
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        connection.execute(_unnested(table, tuple(shared), tuple(columns)), shared | columns)
    else:
        statement = sqlite.insert(table).on_conflict_do_nothing()
        connection.execute(statement, [shared | row for row in rows])


@cache
def _unnested(table: sa.Table, shared: tuple[str, ...], columns: tuple[str, ...]) -> sa.Insert:
    arrays = [sa.bindparam(name, type_=postgresql.ARRAY(table.c[name].type)) for name in columns]
    named = [sa.column(name, table.c[name].type) for name in columns]
    rows = sa.func.unnest(*arrays).table_valued(*named).render_derived()
    common = [sa.bindparam(name, type_=table.c[name].type) for name in shared]
    values = sa.select(*common, *rows.c)
    return (
        postgresql.insert(table).from_select([*shared, *columns], values).on_conflict_do_nothing()
    )


_NOW = sa.select(now_plus())


def database_time(connection: sa.Connection) -> datetime:
    """What time it is, by the database."""
    return connection.execute(_NOW).scalar_one()


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose reads all see one moment, however long they take."""
    options: dict[str, Any] = {"reads_only": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    with engine.connect().execution_options(**options) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield connection


def follow_sequence(connection: sa.Connection, table: sa.Table) -> None:
    """Count a table's new rows on from the highest number in it; SQLite does so by itself."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != "postgresql":
        return
    sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
    highest = sa.select(sa.func.max(column)).scalar_subquery()
    connection.execute(
        sa.select(sa.func.setval(sequence, sa.func.coalesce(highest, 0) + 1, sa.false()))
    )
