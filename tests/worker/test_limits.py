"""What an attempt uses is counted however deep it is nested."""

import contextlib
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.limits import disk_bytes
from worker.process_table import descendants

DEEP = 200
NESTED = 100  # calls
FORKS = """
import os, sys
for n in range(int(sys.argv[1])):
    if os.fork():
        os.wait()
        os._exit(0)
print("ready", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def few_nested_calls() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(traceback.extract_stack()) + NESTED)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A tree with a file at its bottom."""
    home = os.open(".", os.O_RDONLY)
    os.chdir(tmp_path)
    try:
        for _ in range(DEEP):
            os.mkdir("d")  # noqa: PTH102  # relative to where it is
            os.chdir("d")
        Path("file").write_bytes(b"x" * 1_000_000)
        yield tmp_path
    finally:
        os.fchdir(home)
        os.close(home)
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_a_deep_tree_is_counted_to_its_bottom(deep: Path) -> None:
    with few_nested_calls():
        assert disk_bytes(str(deep)) >= 1_000_000


def test_a_long_chain_of_processes_is_counted() -> None:
    command = (sys.executable, "-I", "-S", "-c", FORKS, str(DEEP))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as chain:
        assert chain.stdout is not None
        assert chain.stdout.readline() == b"ready\n"
        with few_nested_calls():
            assert len(list(descendants(chain.pid))) == DEEP
