"""Compilers and the emulator: skipped where they are missing, a failure where CI has put them."""

import pytest

from netaug_core.chip.emulator import COMPILER, EMULATOR
from tests.skipping import installed


@pytest.fixture(scope="session")
def gcc() -> None:
    installed("gcc")


@pytest.fixture(scope="session")
def emulator_installed() -> None:
    installed(COMPILER, EMULATOR)
