"""A step of a detector is the sum of its passes' gradients; the tiny net stays what it is."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from netaug_core.augment.elastic import ElasticConv2d
from netaug_core.detection.boxes import Objects
from netaug_core.detection.coding import coding
from netaug_core.detection.objective import DetectionObjective
from netaug_core.training.draws import draw
from netaug_core.training.learner import AnySupernet, Learner
from tests.netaug_core import small_detection
from tests.netaug_core.detection_cases import ANCHORS, CPU, SIZE, YOLO, random_objects
from tests.netaug_core.shared_training import in_double_precision

COUNT = 4
IMAGES = torch.randn(COUNT, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
OBJECTS = random_objects(9, COUNT)
CODING = coding(YOLO, ANCHORS)
SMALLER = {"batch_fraction": 0.5, "input_scale": 0.5}


def make_learner(augment: dict[str, Any] | None = None, *, widen_neck: bool = True) -> Learner:
    spec = small_detection.spec({"detection": {"widen_neck": widen_neck}, "augment": augment or {}})
    return Learner(spec, YOLO, CPU, objective=DetectionObjective(CODING))


def supernet_of(learner: Learner) -> AnySupernet:
    assert learner.supernet is not None
    return learner.supernet


def loss_of(raw: Tensor, objects: Objects, size: int) -> Tensor:
    known = CODING.priors(size, CPU)
    return CODING.loss(raw, CODING.assign(objects, len(raw), known), known).total


@pytest.mark.parametrize("smaller", [{}, SMALLER], ids=["whole", "smaller"])
def test_a_step_descends_the_base_loss_plus_alpha_times_the_augmented_one(
    smaller: dict[str, float],
) -> None:
    augment = {"alpha": 0.5, **smaller}
    with in_double_precision():  # two pictures of a few pixels: normalisation magnifies rounding
        learner, twin = make_learner(augment), make_learner(augment)
    whole = IMAGES.double()
    images, objects = whole, OBJECTS
    if smaller:
        images = F.interpolate(whole[:2], (32, 32), mode="bilinear", antialias=True)
        kept = OBJECTS.take(OBJECTS.picture < 2)
        objects = Objects(kept.boxes / 2, kept.labels, kept.picture, kept.ignore)
    supernet = supernet_of(twin).train()
    supernet.use_base()
    base = loss_of(supernet(whole), OBJECTS, SIZE)
    supernet.use_random(draw(twin.spec.training.seed, 0, 0, nets_by_rank=False).nets)
    augmented = loss_of(supernet(images), objects, images.shape[-1])
    (base + 0.5 * augmented).backward()

    losses = learner.step(whole, OBJECTS, epoch=0, step=0)

    torch.testing.assert_close(losses, torch.stack([base, augmented]).detach())
    for ours, expected in zip(learner.net.parameters(), twin.net.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, expected.grad, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("widen_neck", [False, True], ids=["narrow", "wide"])
def test_only_a_widened_neck_learns_beyond_the_tiny_net(widen_neck: bool) -> None:
    learner = make_learner(widen_neck=widen_neck)
    tiny = learner.deployable().state_dict()

    beyond: set[str] = set()
    for step in range(8):  # of these nets one or another is wider in each place
        learner.step(IMAGES, OBJECTS, epoch=0, step=step)
        for name, weight in supernet_of(learner).network.named_parameters():
            if name.endswith("conv.weight") and weight.grad is not None:
                beyond |= {name} if weight.grad[tiny[name].shape[0] :].any() else set()

    in_neck = {name for name in tiny if name.endswith("conv.weight") and is_neck(name)}
    assert len(in_neck) > 10
    assert beyond & in_neck == (in_neck if widen_neck else set())
    assert any(name.startswith("blocks.") for name in beyond)
    assert not any("predict" in name for name in beyond)


def is_neck(name: str) -> bool:
    return ".neck." in name or ".entry." in name


def test_a_narrow_neck_gives_its_own_channels_whatever_is_drawn() -> None:
    supernet = supernet_of(make_learner(widen_neck=False))
    supernet.use_random(torch.Generator().manual_seed(1))

    convolutions = YOLO.convolutions()
    names = [name for name in convolutions if name.startswith("levels.")]
    assert len(names) > 10
    for name in names:
        layer = supernet.network.get_submodule(name).conv
        assert isinstance(layer, ElasticConv2d)
        assert layer.active_out_channels in (None, convolutions[name].out_channels), name


def test_sorting_leaves_what_the_tiny_net_computes() -> None:
    learner = make_learner()
    learner.step(IMAGES, OBJECTS, epoch=0, step=0)
    supernet = supernet_of(learner).double().eval()
    supernet.use(supernet.widest())
    before = {name: p.clone() for name, p in supernet.named_parameters()}
    images = IMAGES.double()
    expected = supernet(images)

    learner.start_epoch(0)

    assert any(not torch.equal(p, before[name]) for name, p in supernet.named_parameters())
    torch.testing.assert_close(supernet(images), expected)
