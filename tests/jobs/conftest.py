"""One open transaction on each database, and several threads that start at once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
import sqlalchemy as sa

from jobs import db

Result = TypeVar("Result")


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that is rolled back after the test."""
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def at_once(engine: sa.Engine) -> Callable[[list[Callable[[sa.Connection], Result]]], list[Result]]:
    """Run each call in a thread and a transaction of its own, all released by one barrier.

    An exception that is one of the domain's answers is returned in the call's place.
    """

    def run(calls: list[Callable[[sa.Connection], Result]]) -> list[Result]:
        barrier = threading.Barrier(len(calls))

        def one(call: Callable[[sa.Connection], Result]) -> Result:
            barrier.wait()
            with db.writing(engine) as connection:
                return call(connection)

        with ThreadPoolExecutor(len(calls)) as pool:
            return [future.result() for future in [pool.submit(one, call) for call in calls]]

    return run
