"""A worker says that it is there for as long as it is."""

import threading
import time

import sqlalchemy as sa

from jobs import db, processes
from tests.worker.conftest import Bench
from worker.presence import Presence
from worker.slots import Slots
from worker.supervisor import Platform

PATIENCE_S = 30.0


def test_a_presence_outlives_an_error_that_nobody_foresaw(bench: Bench) -> None:
    # fails if its thread ends: the worker went on, and nobody knew of it or could drain it
    failed: list[str] = []

    def fail_once(*arguments: object) -> None:
        statement = str(arguments[2])
        if "INSERT" in statement and not failed:
            failed.append(statement)
            raise ValueError("nobody foresaw this")

    sa.event.listen(bench.engine, "before_cursor_execute", fail_once)
    platform = Platform(bench.engine, bench.storage, bench.settings, bench.draining)
    slots = Slots([], per_gpu=1, without_gpus=1)
    presence = Presence(platform, slots, [], lambda: None, every_s=0.01)
    presence.start()
    until_live(bench, presence.name)
    presence.leave()
    assert failed


def until_live(bench: Bench, name: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with db.reading(bench.engine) as connection:
            if [live.name for live in processes.live(connection, processes.WORKER)] == [name]:
                return
        assert time.monotonic() < deadline, "it was not told"
        threading.Event().wait(0.05)
