"""Compilers: skipped where there is none, a failure where CI has put them."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.netaug_core.c_export import driving
from tests.netaug_core.c_export.driving import Driver
from tests.skipping import installed


@pytest.fixture(scope="session")
def gcc() -> None:
    installed("gcc")


@pytest.fixture(
    scope="session",
    params=["", "-march=native", "-DNETAUG_NO_SIMD"],
    ids=["simd", "native", "plain"],
)
def driver(
    request: pytest.FixtureRequest, gcc: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Driver]:
    """Every integer kernel, compiled with the processor's own instructions and without."""
    flags = [request.param] if request.param else []
    program = driving.build(tmp_path_factory.mktemp("driver"), *flags)
    pipe = subprocess.PIPE
    with subprocess.Popen([program], stdin=pipe, stdout=pipe) as process:
        yield Driver(process)
        assert process.stdin is not None
        process.stdin.close()
