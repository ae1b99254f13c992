"""Mixup and CutMix: drawn by place, shared exactly."""

import numpy as np
import pytest
import torch

from netaug_core.data import mixing
from netaug_core.data.mixing import Mixture, Patch, draw, mix
from netaug_core.sections.data import DataSpec

SIZE = 16


def mixtures(mixup: float = 0.0, cutmix: float = 0.0, seed: int = 0) -> list[Mixture]:
    spec = DataSpec(dataset="digits", mixup=mixup, cutmix=cutmix)
    return [draw(spec, size=SIZE, seed=seed, epoch=3, number=number) for number in range(400)]


def test_mixup_blends_by_the_share() -> None:
    mixed = mix(torch.full((2, 1, 4, 4), 8.0), torch.zeros(2, 1, 4, 4), Mixture(0.25))

    assert (mixed == 2.0).all()


def test_cutmix_replaces_a_patch_and_counts_its_pixels() -> None:
    images, patch = torch.ones(2, 3, SIZE, SIZE), Patch(2, 3, 6, 11)

    mixed = mix(images, torch.zeros_like(images), Mixture(1 - patch.area() / SIZE**2, patch))

    assert mixed.mean().item() == pytest.approx(1 - 4 * 8 / SIZE**2)
    assert (mixed[:, :, 3:11, 2:6] == 0).all()
    assert (images == 1).all()


def test_every_cutmix_share_is_the_part_that_is_left() -> None:
    for mixture in mixtures(cutmix=1.0):
        assert mixture.patch is not None
        assert mixture.share == 1 - mixture.patch.area() / SIZE**2
        assert 0 <= mixture.patch.left <= mixture.patch.right <= SIZE
        assert 0 <= mixture.patch.top <= mixture.patch.bottom <= SIZE


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_mixup_s_shares_follow_the_beta_distribution(alpha: float) -> None:
    shares = np.array([mixture.share for mixture in mixtures(mixup=alpha)])

    # Beta(a, a) has mean 1/2 and variance 1 / (4 (2a + 1)); bounds of five standard errors.
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(shares.mean() - 0.5) < 5 * np.sqrt(variance / 400)
    assert shares.var() == pytest.approx(variance, rel=0.2)


def test_with_both_a_coin_decides_for_each_batch() -> None:
    num_patches = sum(mixture.patch is not None for mixture in mixtures(mixup=1.0, cutmix=1.0))

    assert 150 < num_patches < 250


def test_a_mixture_depends_on_seed_epoch_and_batch_alone() -> None:
    assert mixtures(mixup=0.3) == mixtures(mixup=0.3)
    assert mixtures(mixup=0.3) != mixtures(mixup=0.3, seed=1)
    assert len(set(mixtures(mixup=0.3))) == 400


def test_mixing_is_off_by_default() -> None:
    assert not mixing.is_on(DataSpec(dataset="digits"))
