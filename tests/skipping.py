"""What a machine lacks: skipped on a laptop, a failure in CI."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.servers import Server, serving


@contextmanager
def served(make: Callable[[], Server]) -> Iterator[Server]:
    """A server for a test, if its program can be found."""
    try:
        server = make()
    except FileNotFoundError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with serving(server):
        yield server
