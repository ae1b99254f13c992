"""Which GPUs a worker counts."""

import pytest

from worker.devices import visible

NAMES = ["first", "second", "third"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, {"0": "first", "1": "second", "2": "third"}),
        ("", {}),
        ("2,0", {"2": "third", "0": "first"}),
        ("1, 7,0", {"1": "second"}),  # as CUDA: nothing after a number that does not exist
        ("-1", {}),
        ("GPU-3f2a,GPU-77c1", {"GPU-3f2a": "first", "GPU-77c1": "first"}),
    ],
)
def test_the_workers_gpus_are_those_that_torch_will_see(
    choice: str | None, expected: dict[str, str]
) -> None:
    assert {gpu.id: gpu.name for gpu in visible(NAMES, choice)} == expected
