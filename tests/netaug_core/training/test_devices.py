"""Two real processes on the CPU train what one would, and agree on everything."""

from typing import Any

import pytest
import torch

from netaug_core.errors import BadSpec
from netaug_core.spec import JobSpec
from netaug_core.training.control import Wish
from netaug_core.training.devices import ONE, Group, Rank, check, in_rounds
from netaug_core.training.turn import Turn
from tests.netaug_core import shared_training
from tests.netaug_core.ranks import Ranks

# Sums over 30 + 30 images round otherwise than over 60, in float64; weights are of the order of 1.
TOLERANCE = 1e-5
STEPS = 3


def document(augment: dict[str, Any] | None, **training: object) -> dict[str, Any]:
    return shared_training.document(augment, plain=augment is None, **training)


def assert_close(found: shared_training.Weights, expected: shared_training.Weights) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.allclose(found[name], tensor, rtol=0, atol=TOLERANCE), name


@pytest.mark.parametrize(
    ("augment", "training"),
    [
        (None, {}),
        ({}, {}),
        ({"sample_per_device": False, "probability": 0.5}, {}),
        ({"nets_per_step": 2, "sort_channels": False}, {}),
        ({"distill": 1.0}, {}),
        ({"project_gradient": True}, {}),
        ({"project_gradient": True, "distill": 1.0}, {}),
        ({"input_scale": 0.75}, {"ema_decay": 0.9}),
    ],
    ids=str,
)
def test_two_devices_with_shared_statistics_train_what_one_does(
    two_ranks: Ranks, augment: dict[str, Any] | None, training: dict[str, Any]
) -> None:
    shared = document(augment, batch_norm="all_devices", **training)

    (first, losses), (second, _) = two_ranks.run(shared_training.train, shared, STEPS)

    alone, alone_losses = shared_training.train_alone(shared, STEPS)
    assert_close(first, alone)
    for ours, theirs in zip(losses, alone_losses, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=TOLERANCE)
    assert all(torch.equal(second[name], tensor) for name, tensor in first.items())


@pytest.mark.parametrize("augment", [None, {}, {"sample_per_device": True}], ids=str)
def test_a_device_of_its_own_statistics_still_has_the_weights_of_the_others(
    two_ranks: Ranks, augment: dict[str, Any] | None
) -> None:
    (first, _), (second, _) = two_ranks.run(shared_training.train, document(augment), STEPS)

    alone, _ = shared_training.train_alone(document(augment), STEPS)
    assert all(torch.equal(second[name], tensor) for name, tensor in first.items())
    different = [n for n, tensor in alone.items() if not torch.allclose(first[n], tensor)]
    assert different  # as statistics of 30 images are not those of 60


@pytest.mark.parametrize("augment", [None, {}], ids=str)
def test_own_statistics_give_the_mean_of_the_gradients_of_the_parts(
    two_ranks: Ranks, augment: dict[str, Any] | None
) -> None:
    (found, losses), _ = two_ranks.run(shared_training.train, document(augment), STEPS)

    expected, expected_losses = shared_training.train_in_parts(document(augment), STEPS, 2)

    assert_close(found, expected)
    for ours, theirs in zip(losses, expected_losses, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("epoch", "augment"),
    [
        (0, {"start": 0.5}),  # no augmentation yet
        (0, {}),
        (0, {"expand_until": 0.0, "width_until": 1.0}),
        (1, {}),  # width augmentation is over
    ],
    ids=str,
)
def test_every_phase_trains_on_two_devices(
    two_ranks: Ranks, epoch: int, augment: dict[str, Any]
) -> None:
    shared = document(augment, batch_norm="all_devices")

    (found, _), _ = two_ranks.run(shared_training.train, shared, STEPS, epoch)

    assert_close(found, shared_training.train_alone(shared, STEPS, epoch)[0])


def test_all_devices_draw_the_same_nets(two_ranks: Ranks) -> None:
    first, second = two_ranks.run(shared_training.nets_drawn, document({}), 6)

    assert first == second
    assert first == shared_training.nets_drawn(ONE, document({}), 6)
    assert len({tuple(widths) for widths in first}) > 1


def test_devices_draw_different_nets_if_asked_to(two_ranks: Ranks) -> None:
    different = document({"sample_per_device": True})

    first, second = two_ranks.run(shared_training.nets_drawn, different, 6)

    assert sum(ours != theirs for ours, theirs in zip(first, second, strict=True)) >= 4


@pytest.mark.parametrize("interrupted_at", [0, 1, 2])
def test_three_devices_resume_at_any_step_with_the_same_bits(
    three_ranks: Ranks, interrupted_at: int
) -> None:
    spec = document({})

    whole = three_ranks.run(shared_training.train, spec, STEPS)
    again = three_ranks.run(shared_training.train_in_two_attempts, spec, STEPS, interrupted_at)

    for (expected, _), found in zip(whole, again, strict=True):
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_devices_that_drop_paths_and_squares_keep_the_same_weights_and_resume(
    three_ranks: Ranks,
) -> None:
    spec = document({})
    spec["model"] |= {"drop_path": 0.5, "drop_block": 0.3, "drop_block_size": 1}

    whole = three_ranks.run(shared_training.train, spec, 2)
    again = three_ranks.run(shared_training.train_in_two_attempts, spec, 2, 1)

    first = whole[0][0]
    for (weights, _), resumed in zip(whole, again, strict=True):
        assert all(torch.equal(weights[name], tensor) for name, tensor in first.items())
        assert all(torch.equal(resumed[name], tensor) for name, tensor in first.items())


@pytest.mark.parametrize("count", [64, 600, 1293])
def test_calibration_is_exactly_that_of_one_device(two_ranks: Ranks, count: int) -> None:
    first, second = two_ranks.run(shared_training.calibrated, document({}), count)

    expected = shared_training.calibrated(ONE, document({}), count)
    for name, tensor in expected.items():
        assert torch.equal(first[name], tensor), name
        assert torch.equal(second[name], tensor), name


@pytest.mark.parametrize("num_images", [1, 256, 257, 700, 1293])
def test_evaluation_is_exactly_that_of_one_device(two_ranks: Ranks, num_images: int) -> None:
    first, second = two_ranks.run(shared_training.predicted, document({}), num_images)

    expected = shared_training.predicted(ONE, document({}), num_images)
    assert expected.shape == (num_images, 10)
    assert torch.equal(first, expected)
    assert torch.equal(second, expected)


@pytest.mark.parametrize("asked_rank", [0, 1])
@pytest.mark.parametrize("asked_round", [0, 1])
def test_all_leave_in_the_same_round(two_ranks: Ranks, asked_rank: int, asked_round: int) -> None:
    # Of three batches the second device has one: it must look in the second round all the same.
    rounds = two_ranks.run(shared_training.leaves_in_round, asked_rank, asked_round)

    assert rounds == [asked_round, asked_round]


def test_anybodys_wish_counts_and_the_clock_of_the_first(two_ranks: Ranks) -> None:
    turns = [Turn(None, True, False), Turn(Wish.STOP, False, True)]

    assert two_ranks.run(shared_training.agreed_turn, turns) == [Turn(Wish.STOP, True, False)] * 2


def test_the_strongest_wish_counts(two_ranks: Ranks) -> None:
    turns = [Turn(Wish.LEAVE, False, False), Turn(Wish.STOP, False, False)]

    agreed = two_ranks.run(shared_training.agreed_turn, turns)

    assert [turn.wish for turn in agreed] == [Wish.LEAVE, Wish.LEAVE]


@pytest.mark.parametrize(("leave", "end"), [(False, "done"), (True, "left")])
def test_the_others_wait_for_the_first_and_leave_with_it(
    two_ranks: Ranks, leave: bool, end: str
) -> None:
    assert two_ranks.run(shared_training.leaving_alone_if, leave) == [end, end]


def test_one_device_goes_one_round_a_batch() -> None:
    assert list(in_rounds(["a", "b", "c"], 513, ONE)) == ["a", "b", "c"]


@pytest.mark.parametrize("batch_size", [60 + 1, 2])
def test_a_batch_that_cannot_be_divided_is_refused(batch_size: int) -> None:
    spec = document(None)
    spec["data"]["batch_size"] = batch_size

    with pytest.raises(BadSpec, match=rf"multiple of 2, .* at least 2 images; got {batch_size}"):
        check(JobSpec.model_validate(spec), Group(Rank(0, 2)))


def test_different_nets_cannot_share_statistics() -> None:
    spec = JobSpec.model_validate(document({"sample_per_device": True}, batch_norm="all_devices"))

    check(spec, ONE)
    with pytest.raises(BadSpec, match="needs the same network on each device"):
        check(spec, Group(Rank(0, 2)))
