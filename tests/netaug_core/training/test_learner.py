"""One step is the sum of two gradients and one update."""

from pathlib import Path

import torch
from torch.nn import functional as F

from netaug_core.architectures import Architecture
from netaug_core.spec import JobSpec
from netaug_core.training.learner import Learner
from tests.netaug_core import runs

CPU = torch.device("cpu")
IMAGES = torch.randn(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(8)


def architecture(spec: JobSpec) -> Architecture:
    return spec.model.architecture(num_classes=10, in_channels=1)


def make_spec(alpha: float = 0.5) -> JobSpec:
    document = runs.tiny_document(label_smoothing=0.1)
    document["model"]["dropout"] = 0.0
    document["augment"]["alpha"] = alpha
    return JobSpec.model_validate(document)


def make_learner(spec: JobSpec) -> Learner:
    return Learner(spec, architecture(spec), CPU)


def test_a_step_descends_the_base_loss_plus_alpha_times_the_augmented_one() -> None:
    spec = make_spec(alpha=0.5)
    learner, twin = make_learner(spec), make_learner(spec)
    supernet = twin.supernet
    assert supernet is not None
    supernet.train()
    supernet.use_base()
    base = F.cross_entropy(supernet(IMAGES), LABELS, label_smoothing=0.1)
    supernet.use_random(twin.generator)
    augmented = F.cross_entropy(supernet(IMAGES), LABELS, label_smoothing=0.1)
    (base + 0.5 * augmented).backward()

    losses = learner.step(IMAGES, LABELS, epoch=0)

    torch.testing.assert_close(losses, torch.stack([base, augmented]).detach())
    for ours, expected in zip(learner.net.parameters(), twin.net.parameters(), strict=True):
        # Two backward passes added up, or one over the sum: float32 rounding.
        torch.testing.assert_close(ours.grad, expected.grad, atol=1e-5, rtol=1e-4)


def test_a_plain_step_has_the_base_loss_only_and_the_deployed_class() -> None:
    learner = make_learner(runs.plain_spec())

    losses = learner.step(IMAGES, LABELS, epoch=0)

    assert losses.shape == (1,)
    assert learner.deployable() is learner.plain
    assert type(learner.plain) is type(make_learner(make_spec()).deployable())


def test_the_plain_net_starts_as_the_augmented_one_s_convolutions_do() -> None:
    plain, augmented = make_learner(runs.plain_spec()), make_learner(make_spec())

    # The same distribution by construction; the bound follows from each net's own fan-in.
    for learner in (plain, augmented):
        weight = learner.net.state_dict()
        stem = next(tensor for name, tensor in weight.items() if name.endswith("stem.conv.weight"))
        assert stem.abs().max() <= 1 / 3  # one channel, 3 x 3: 1 / sqrt(9)


def test_widths_are_drawn_early_and_expansions_only_late() -> None:
    spec = make_spec()  # 2 epochs, width_until 0.5
    learner = make_learner(spec)
    supernet = learner.supernet
    assert supernet is not None
    stem = []
    for epoch in (0, 1):
        active = set()
        for _ in range(12):
            learner.step(IMAGES, LABELS, epoch)
            active.add(supernet.network.stem.conv.active_out_channels)
        stem.append(active)

    assert stem == [{8, 16}, {8}]


def test_channels_are_sorted_while_widths_are_drawn_and_not_later() -> None:
    learner = make_learner(make_spec())
    before = {name: tensor.clone() for name, tensor in learner.net.state_dict().items()}

    learner.start_epoch(1)
    assert all(torch.equal(t, before[n]) for n, t in learner.net.state_dict().items())
    learner.start_epoch(0)
    assert not all(torch.equal(t, before[n]) for n, t in learner.net.state_dict().items())


def test_state_saved_and_loaded_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    spec = make_spec()
    learner, other = make_learner(spec), make_learner(spec)
    learner.step(IMAGES, LABELS, 0)
    torch.save(learner.state_dict(), tmp_path / "state")

    other.load_state_dict(torch.load(tmp_path / "state", weights_only=True))  # noqa: TID251  # a test
    for one in (learner, other):
        one.step(IMAGES, LABELS, 0)

    ours, theirs = learner.net.state_dict(), other.net.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
