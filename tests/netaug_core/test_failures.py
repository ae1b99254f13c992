"""What is told of a failure: its class, its exit code, no more than an event may hold."""

import pytest
import torch

from netaug_core.errors import BadData, BadSpec, FailureClass
from netaug_core.failures import classify


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_out_of_memory_is_told_with_its_remedy(error: Exception) -> None:
    failed, code = classify(error)

    assert (failed.failure, code) == (FailureClass.OUT_OF_MEMORY, 67)
    assert failed.message.startswith("data.batch_size or model.input_size: out of memory; lower")


def test_a_very_long_message_is_cut_to_what_an_event_may_hold() -> None:
    failed, _ = classify(BadData("x" * 10_000))

    assert len(failed.message) == 4000


def test_of_a_long_list_an_event_holds_whole_lines_and_the_log_all() -> None:
    lines = [f"  tensor {number}: 1 x 2 in the file" for number in range(500)]
    message = "\n".join(["500 tensors differ:", *lines])

    failed, _ = classify(BadSpec(message))

    *shown, last = failed.message.splitlines()
    assert len(failed.message) <= 4000
    assert shown == message.splitlines()[: len(shown)]
    assert last == f"  and {501 - len(shown)} lines more: the log has all"


def test_a_bug_is_a_lost_run_with_its_type() -> None:
    failed, code = classify(KeyError("surprise"))

    assert (failed.failure, code) == (FailureClass.INFRA_LOST, 1)
    assert failed.message == "KeyError: 'surprise'"
