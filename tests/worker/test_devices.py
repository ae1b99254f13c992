"""Which GPUs a worker counts."""

import pytest

from worker.devices import visible

NAMES = ["first", "second", "third"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, NAMES),
        ("", []),
        ("2,0", ["third", "first"]),
        ("1, 7,0", ["second"]),  # as CUDA: nothing after a number that does not exist
        ("-1", []),
        ("GPU-3f2a,GPU-77c1", ["first", "first"]),
    ],
)
def test_the_workers_gpus_are_those_that_torch_will_see(
    choice: str | None, expected: list[str]
) -> None:
    assert visible(NAMES, choice) == expected
