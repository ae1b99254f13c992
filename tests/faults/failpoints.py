"""Death at a named point: at the k-th statement of an operation, put there from outside.

A point is `operation:k:before` or `operation:k:after`; the COMMIT counts as the last statement.
It stands in a file: who gets there first takes the file away and dies, so it is passed once.
"""

import os
import sys
import threading
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from jobs import db

KILLED = 137  # what a shell says of a process that was killed with -9
OPERATIONS = {
    "submit": ("jobs.submission", "submit"),
    "claim": ("jobs.lifecycle", "claim"),
    "heartbeat": ("jobs.lifecycle", "report"),  # "checkpoint" when it tells of one
    "finish": ("jobs.endings", "succeed"),
    "lose": ("jobs.endings", "fail"),
    "release": ("jobs.endings", "release"),
    "end_cancelled": ("jobs.endings", "cancelled"),
    "cancel": ("jobs.wishes", "cancel"),
    "expire": ("jobs.endings", "expire_leases"),
    "ring": ("jobs.outbox", "ring_silent"),
    "published": ("jobs.outbox", "published"),
}


class Failpoints:
    """Counts the statements of the operation that a thread is in."""

    def __init__(self, armed: Path) -> None:
        self._armed = armed
        self._here = threading.local()

    def install(self) -> None:
        """Watch the operations of this process, and every engine it makes from now on."""
        for name, (module, function) in OPERATIONS.items():
            self._watch_operation(name, import_module(module), function)
        create_engine = db.create_engine

        @wraps(create_engine)
        def watched(*args: Any, **options: Any) -> sa.Engine:
            return self._watch_engine(create_engine(*args, **options))

        db.create_engine = watched

    def _watch_operation(self, name: str, module: Any, function: str) -> None:
        operation: Callable[..., Any] = getattr(module, function)

        @wraps(operation)
        def counted(*args: Any, **options: Any) -> Any:
            self._here.operation = name
            if name == "heartbeat" and args[3].checkpoints:
                self._here.operation = "checkpoint"
            self._here.number = 0
            return operation(*args, **options)

        setattr(module, function, counted)

    def _watch_engine(self, engine: sa.Engine) -> sa.Engine:
        sa.event.listen(engine, "before_cursor_execute", lambda *_: self._begin_statement())
        sa.event.listen(engine, "after_cursor_execute", lambda *_: self._die_if_armed("after"))
        commit, roll_back = engine.dialect.do_commit, engine.dialect.do_rollback

        def counted_commit(connection: Any) -> None:
            self._begin_statement()
            commit(connection)
            self._die_if_armed("after")
            self._here.operation = None

        def noted_rollback(connection: Any) -> None:
            self._here.operation = None
            roll_back(connection)

        # Instances shadow the methods of their class.
        engine.dialect.do_commit = counted_commit  # type: ignore[method-assign]
        engine.dialect.do_rollback = noted_rollback  # type: ignore[method-assign]
        return engine

    def _begin_statement(self) -> None:
        if getattr(self._here, "operation", None) is not None:
            self._here.number += 1
            self._die_if_armed("before")

    def _die_if_armed(self, side: str) -> None:
        operation = getattr(self._here, "operation", None)
        if operation is None:
            return
        point = f"{operation}:{self._here.number}:{side}"
        try:
            if self._armed.read_text() != point:
                return
            self._armed.rename(self._armed.with_name(f"passed-{point}-{os.getpid()}"))
        except FileNotFoundError:
            return
        sys.stderr.write(f"failpoint {point}\n")
        sys.stderr.flush()
        os._exit(KILLED)
