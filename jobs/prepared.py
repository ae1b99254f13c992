"""Statements that are sent often: compiled once, and on Postgres given to the driver as they are.

SQLAlchemy's own way takes as long again as driver and server together; its types and its errors are
kept. Whoever listens to the statements of a connection, and SQLite, get them that way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

Values = Mapping[str, Any]
Row = tuple[Any, ...]
Process = Callable[[Any], Any]


@dataclass(frozen=True)
class _Text:
    """A statement as the driver takes it.

    Attributes:
        own: the values that the statement has itself, as the driver takes them.
        to_driver: by parameter, what makes of a given value what the driver takes; none: nothing.
    """

    text: bytes
    own: dict[str, Any]
    to_driver: dict[str, Process]


class Prepared:
    """A statement without lists among its parameters.

    Attributes:
        columns: those that an INSERT is given.
        binary: rows come as the server has them: of many numbers, in half of the time.
    """

    def __init__(
        self, statement: Any, *, columns: Sequence[str] = (), binary: bool = False
    ) -> None:
        self._statement = statement
        self._binary = binary
        self._columns = tuple(columns)
        self._text: _Text | None = None
        self._from_driver: list[tuple[int, Process]] | None = None

    def send(self, connection: sa.Connection, values: Values) -> None:
        """Send it, where it returns no rows."""
        if _is_plain(connection):
            self._execute(connection, values)
        else:
            connection.execute(self._statement, values)

    def rows(self, connection: sa.Connection, values: Values) -> Sequence[Row]:
        """Send it; all its rows."""
        if not _is_plain(connection):
            return [tuple(row) for row in connection.execute(self._statement, values)]
        cursor = self._execute(connection, values)
        if self._from_driver is None:
            self._from_driver = self._processes(connection.dialect, cursor.description)
        rows: list[Row] = cursor.fetchall()
        return [_converted(row, self._from_driver) for row in rows] if self._from_driver else rows

    def _execute(self, connection: sa.Connection, values: Values) -> Any:
        if not connection.in_transaction():
            connection.begin()  # as SQLAlchemy does at the first statement
        if self._text is None:
            self._text = self._compile(connection.dialect)
        given = {**self._text.own, **values}
        for name, process in self._text.to_driver.items():
            given[name] = process(given[name])
        cursor = connection.connection.cursor(binary=self._binary)
        try:
            cursor.execute(self._text.text, given)
        except BaseException as error:  # noqa: BLE001  # it is raised again
            # Raises SQLAlchemy's error; after a lost connection the pool trusts no other one.
            text = self._text.text.decode()
            connection._handle_dbapi_exception(error, text, given, cursor, None)
        return cursor

    def _compile(self, dialect: sa.Dialect) -> _Text:
        compiled = self._statement.compile(dialect=dialect, column_keys=self._columns or None)
        own: dict[str, Any] = {}
        to_driver: dict[str, Process] = {}
        for bind, name in compiled.bind_names.items():
            process = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if not bind.required:
                own[name] = process(bind.effective_value) if process else bind.effective_value
            elif process is not None:
                to_driver[name] = process
        return _Text(str(compiled).encode(), own, to_driver)

    def _processes(self, dialect: sa.Dialect, described: Any) -> list[tuple[int, Process]]:
        """Which columns are not yet what their types say, and what makes them so."""
        types: list[TypeEngine[Any]] = [one.type for one in self._statement.exported_columns]
        processes = [
            type_.dialect_impl(dialect).result_processor(dialect, column.type_code)
            for type_, column in zip(types, described, strict=True)
        ]
        return [(index, process) for index, process in enumerate(processes) if process is not None]


def _is_plain(connection: sa.Connection) -> bool:
    """Whether this is Postgres, and nobody listens."""
    listeners = connection.dispatch
    listened = listeners.before_cursor_execute or listeners.after_cursor_execute
    return connection.dialect.name == "postgresql" and not listened


def _converted(row: Row, processes: list[tuple[int, Process]]) -> Row:
    changed = list(row)
    for index, process in processes:
        if changed[index] is not None:  # of which no type here makes anything
            changed[index] = process(changed[index])
    return tuple(changed)
