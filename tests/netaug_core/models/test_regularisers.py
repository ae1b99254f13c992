"""Drop path and DropBlock against what their papers promise."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netaug_core.models.regularisers import DropBlock, DropPath

SIDE = 9


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    torch.manual_seed(0)


def drop_block(size: int, probability: float) -> DropBlock:
    module = DropBlock(size)
    module.probability = probability
    return module


def dropped_by(module: nn.Module, *shape: int) -> Tensor:
    """Which activations of ones it drops."""
    found: Tensor = module(torch.ones(shape))
    return found == 0


def expected_share(size: int, probability: float) -> float:
    """Of a map: a pixel is dropped unless none of the squares that could cover it begins."""
    places = SIDE - size + 1
    rate = probability / size**2 * SIDE**2 / places**2
    kept = 0.0
    for row in range(SIDE):
        for column in range(SIDE):
            rows, columns = (
                sum(start <= pixel < start + size for start in range(places))
                for pixel in (row, column)
            )
            kept += (1 - rate) ** (rows * columns)
    return 1 - kept / SIDE**2


def is_made_of_squares(dropped: Tensor, size: int) -> bool:
    """Whether each dropped pixel of a map lies in a square of dropped pixels."""
    pixels = dropped.numpy()
    covered = np.zeros_like(pixels)
    for row in range(SIDE - size + 1):
        for column in range(SIDE - size + 1):
            square = np.s_[row : row + size, column : column + size]
            covered[square] |= pixels[square].all()
    return bool((covered == pixels).all())


def test_drop_path_drops_whole_images_and_scales_the_others() -> None:
    found = DropPath(0.3)(torch.ones(64, 2, 3, 3)).flatten(1)

    assert torch.equal(found, found[:, :1].expand_as(found))
    assert {round(value, 5) for value in found[:, 0].tolist()} == {0.0, round(1 / 0.7, 5)}


def test_drop_path_drops_its_share_so_that_the_mean_stays() -> None:
    count = 20_000
    dropped = dropped_by(DropPath(0.3), count, 1, 1, 1)

    deviation = (0.3 * 0.7 / count) ** 0.5
    assert dropped.float().mean().item() == pytest.approx(0.3, abs=4 * deviation)
    # Kept with 0.7, each counts 1 / 0.7.
    assert DropPath(0.3)(torch.ones(count, 1, 1, 1)).mean().item() == pytest.approx(
        1, abs=4 * deviation / 0.7
    )


@pytest.mark.parametrize(("size", "probability"), [(1, 0.2), (3, 0.1), (5, 0.2), (SIDE, 0.3)])
def test_drop_block_drops_its_share(size: int, probability: float) -> None:
    shares = dropped_by(drop_block(size, probability), 64, 64, SIDE, SIDE).float().mean((2, 3))

    error = 4 * shares.std().item() / shares.numel() ** 0.5
    assert shares.mean().item() == pytest.approx(expected_share(size, probability), abs=error)


def test_the_expected_share_is_the_probability_but_for_overlaps() -> None:
    # Ghiasi et al. say so of their formula: about, and exactly without overlaps.
    assert expected_share(1, 0.2) == pytest.approx(0.2)
    assert expected_share(SIDE, 0.3) == pytest.approx(0.3)
    assert 0.09 < expected_share(3, 0.1) < 0.1


def test_drop_block_drops_squares_that_lie_inside_the_map() -> None:
    maps = dropped_by(drop_block(3, 0.1), 8, 8, SIDE, SIDE).flatten(0, 1)

    assert 0 < maps.flatten(1).any(1).sum() < 64
    assert all(is_made_of_squares(one, 3) for one in maps)
    assert not all(is_made_of_squares(one, 5) for one in maps)


def test_drop_block_keeps_the_mean_of_what_is_alike_exactly() -> None:
    found = drop_block(3, 0.2)(torch.ones(8, 8, SIDE, SIDE))

    # Up to the rounding of float32.
    assert found.mean().item() == pytest.approx(1.0, abs=1e-6)
    assert len(found.unique()) == 2


def test_images_and_channels_draw_their_own_squares() -> None:
    dropped = dropped_by(drop_block(3, 0.3), 2, 2, SIDE, SIDE)

    assert len({tuple(one.flatten().tolist()) for one in dropped.flatten(0, 1)}) == 4


def test_a_map_that_is_dropped_as_a_whole_is_zero_and_not_nan() -> None:
    found = drop_block(3, 1 - 1e-9)(torch.ones(1, 1, 3, 3))

    assert torch.equal(found, torch.zeros(1, 1, 3, 3))


@pytest.mark.parametrize("module", [DropPath(0.5), drop_block(3, 0.5)], ids=str)
def test_what_is_dropped_has_no_gradient_and_the_rest_has_the_scale(module: nn.Module) -> None:
    inputs = torch.ones(8, 4, SIDE, SIDE, requires_grad=True)

    outputs = module(inputs)
    outputs.sum().backward()

    assert inputs.grad is not None
    assert torch.equal(inputs.grad, outputs.detach())


@pytest.mark.parametrize("module", [DropPath(0.5), drop_block(3, 0.5)], ids=str)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_format_and_the_layout_stay_as_they_come(module: nn.Module, dtype: torch.dtype) -> None:
    inputs = torch.ones(8, 4, SIDE, SIDE, dtype=dtype).contiguous(memory_format=torch.channels_last)

    found = module(inputs)

    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert 0 < (found == 0).sum() < found.numel()


@pytest.mark.parametrize("module", [DropPath(0.5), drop_block(3, 0.5)], ids=str)
def test_the_same_seed_draws_the_same(module: nn.Module) -> None:
    torch.manual_seed(1)
    first = dropped_by(module, 4, 4, SIDE, SIDE)
    torch.manual_seed(1)

    assert torch.equal(dropped_by(module, 4, 4, SIDE, SIDE), first)


@pytest.mark.parametrize("module", [DropPath(0.5), drop_block(3, 0.5)], ids=str)
def test_outside_training_everything_passes_and_nothing_is_drawn(module: nn.Module) -> None:
    inputs = torch.ones(4, 4, SIDE, SIDE)
    before = torch.get_rng_state()

    found = module.eval()(inputs)
    module.train()

    assert found is inputs
    assert torch.equal(torch.get_rng_state(), before)
