"""One thread, and one whole run that several tests look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from netaug_core.events import AnyRunEvent
from tests.netaug_core import runs
from tests.netaug_core.ranks import Ranks


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two spinning threads on a busy machine take ten times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass
class FinishedRun:
    spec: Path
    out: Path
    events: list[AnyRunEvent]
    code: int
    errors: str


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """An undisturbed run of the command line."""
    directory = tmp_path_factory.mktemp("finished")
    spec = runs.write_spec(directory, runs.whole_document())
    out = directory / "out"
    process = runs.start(spec, out)
    events = process.rest()
    code, errors = process.wait()
    return FinishedRun(spec, out, events, code, errors)


@pytest.fixture(scope="session")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ranks]:
    """Two processes that train together."""
    ranks = Ranks(2, tmp_path_factory.mktemp("two_ranks"))
    yield ranks
    ranks.close()


@pytest.fixture(scope="session")
def three_ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ranks]:
    """Three: an odd number, and sums whose order matters."""
    ranks = Ranks(3, tmp_path_factory.mktemp("three_ranks"))
    yield ranks
    ranks.close()
