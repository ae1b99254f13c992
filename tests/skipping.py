"""What a machine lacks: skipped on a laptop, a failure in CI."""

import os
import shutil
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


def installed(*programs: str) -> None:
    """Return if the machine has these programs. `.ci/run` says whether it has them all."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and os.environ.get("CI_COMPILERS"):
        raise FileNotFoundError(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
