"""AutoAugment and RandAugment by place: what torchvision does, and nothing left behind."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from netaug_core.data import policies
from netaug_core.sections.data import DataSpec

DRAWS = np.linspace(0, 0.99, 40)
POLICIES = [
    {"auto_augment": "imagenet"},
    {"auto_augment": "cifar10"},
    {"auto_augment": "svhn"},
    {"rand_augment": {"num_ops": 2, "magnitude": 9}},
    {"rand_augment": {"num_ops": 2, "magnitude": 30}},
]


def noise(channels: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (40, channels, 20, 20), dtype=torch.uint8, generator=generator)


def changed(images: Tensor, draws: np.ndarray, **spec: object) -> Tensor:
    policy = policies.choose(DataSpec.model_validate({"dataset": "digits"} | spec))
    assert policy is not None
    return policies.apply(policy, images, draws)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("spec", POLICIES, ids=str)
def test_every_policy_changes_pictures_of_either_kind(
    spec: dict[str, object], channels: int
) -> None:
    images = noise(channels)

    varied = changed(images, DRAWS, **spec)

    assert varied.shape == images.shape
    assert varied.dtype == torch.uint8
    assert sum(not torch.equal(a, b) for a, b in zip(images, varied, strict=True)) > 10


def test_a_picture_s_change_depends_on_its_draw_alone() -> None:
    images = noise(3)
    spec = {"rand_augment": {"num_ops": 2, "magnitude": 20}}

    whole = changed(images, DRAWS, **spec)

    assert torch.equal(changed(images[7:8], DRAWS[7:8], **spec)[0], whole[7])
    assert not torch.equal(changed(images, DRAWS[::-1], **spec), whole)


def test_the_change_is_torchvision_s_for_that_seed() -> None:
    images = noise(3)[:1]
    reference = v2.RandAugment(2, 9, interpolation=v2.InterpolationMode.BILINEAR)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(0.25 * policies.SEEDS))
        expected = reference(images[0])

    varied = changed(images, np.array([0.25]), rand_augment={"num_ops": 2, "magnitude": 9})

    assert torch.equal(varied[0], expected)


def test_the_global_generator_stays_where_it_was() -> None:
    before = torch.get_rng_state()

    changed(noise(1), DRAWS, auto_augment="cifar10")

    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_policy_there_is_none() -> None:
    assert policies.choose(DataSpec(dataset="digits")) is None
