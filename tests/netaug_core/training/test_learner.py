"""One step is the sum of the gradients of its passes and one update; every option changes that."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from netaug_core.architectures import Architecture
from netaug_core.data.batches import Targets
from netaug_core.spec import JobSpec
from netaug_core.training.distillation import distillation_loss
from netaug_core.training.draws import draw
from netaug_core.training.learner import Learner
from netaug_core.training.objective import Objective
from tests.netaug_core import runs

CPU = torch.device("cpu")
IMAGES = torch.randn(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(8)
TARGETS = Targets(LABELS)


def architecture(spec: JobSpec) -> Architecture:
    return spec.model.architecture(num_classes=10, in_channels=1)


def make_spec(training: dict[str, Any] | None = None, **augment: object) -> JobSpec:
    document = runs.tiny_document(label_smoothing=0.1, **(training or {}))
    document["model"]["dropout"] = 0.0
    document["augment"] |= augment
    return JobSpec.model_validate(document)


def make_learner(spec: JobSpec) -> Learner:
    return Learner(spec, architecture(spec), CPU, objective=Objective.of(spec))


def cross_entropy(logits: Tensor, count: int = 8) -> Tensor:
    return F.cross_entropy(logits, LABELS[:count], label_smoothing=0.1)


def base_and_augmented(spec: JobSpec, step: int = 0) -> tuple[Learner, Tensor, Tensor]:
    """A twin of the learner, and the logits of both passes of a step, with graph."""
    twin = make_learner(spec)
    supernet = twin.supernet
    assert supernet is not None
    supernet.train()
    supernet.use_base()
    base = supernet(IMAGES)
    supernet.use_random(draw(spec.training.seed, step, 0, nets_by_rank=False).nets)
    return twin, base, supernet(IMAGES)


def assert_same_gradients(learner: Learner, twin: Learner) -> None:
    for ours, expected in zip(learner.net.parameters(), twin.net.parameters(), strict=True):
        # Two backward passes added up, or one over the sum: float32 rounding.
        torch.testing.assert_close(ours.grad, expected.grad, atol=1e-5, rtol=1e-4)


def gradient(learner: Learner) -> Tensor:
    return torch.cat([p.grad.flatten() for p in learner.net.parameters() if p.grad is not None])


def test_a_step_descends_the_base_loss_plus_alpha_times_the_augmented_one() -> None:
    spec = make_spec(alpha=0.5)
    learner = make_learner(spec)
    twin, *logits = base_and_augmented(spec)
    base, augmented = map(cross_entropy, logits)
    (base + 0.5 * augmented).backward()

    losses = learner.step(IMAGES, TARGETS, epoch=0, step=0)

    torch.testing.assert_close(losses, torch.stack([base, augmented]).detach())
    assert_same_gradients(learner, twin)


def test_a_plain_step_has_the_base_loss_only_and_the_deployed_class() -> None:
    learner = make_learner(runs.plain_spec())

    losses = learner.step(IMAGES, TARGETS, epoch=0, step=0)

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


def test_the_reference_s_initialisation_of_its_baseline_is_another_distribution() -> None:
    document = runs.tiny_document(initialisation="kaiming_fan_out") | {"augment": None}
    learner = make_learner(JobSpec.model_validate(document))
    stem = learner.net.state_dict()["stem.conv.weight"]

    # Normal with standard deviation sqrt(2 / (3 * 3 * 8)) = 1/6: some of 72 lie beyond a third.
    assert stem.abs().max() > 1 / 3


def stem_widths(learner: Learner, epoch: int, steps: range) -> set[int | None]:
    assert learner.supernet is not None
    active = set()
    for step in steps:
        learner.step(IMAGES, TARGETS, epoch, step)
        active.add(learner.supernet.network.stem.conv.active_out_channels)
    return active


def test_widths_are_drawn_early_and_expansions_only_late() -> None:
    learner = make_learner(make_spec())  # 2 epochs, width_until 0.5

    assert stem_widths(learner, 0, range(12)) == {8, 16}
    assert stem_widths(learner, 1, range(12)) == {8}


def test_an_axis_that_ended_is_not_drawn_and_without_both_the_step_is_plain() -> None:
    learner = make_learner(make_spec(expand_until=0.0, width_until=0.5))

    assert stem_widths(learner, 0, range(12)) == {8, 16}
    assert len(learner.step(IMAGES, TARGETS, epoch=1, step=12)) == 1


def test_an_augmented_pass_only_in_every_third_step() -> None:
    learner = make_learner(make_spec(every=3))

    counts = [len(learner.step(IMAGES, TARGETS, epoch=0, step=step)) for step in range(6)]

    assert counts == [2, 1, 1, 2, 1, 1]


def test_with_a_probability_some_steps_have_an_augmented_pass() -> None:
    learner = make_learner(make_spec(probability=0.5))

    counts = [len(learner.step(IMAGES, TARGETS, epoch=0, step=step)) for step in range(12)]

    assert set(counts) == {1, 2}


def test_more_nets_in_a_step_add_a_gradient_each() -> None:
    spec = make_spec(nets_per_step=2)
    twin = make_learner(spec)
    assert twin.supernet is not None
    generator = draw(spec.training.seed, 0, 0, nets_by_rank=False).nets
    twin.net.train()
    twin.supernet.use_base()
    cross_entropy(twin.supernet(IMAGES)).backward()
    for _ in range(2):
        twin.supernet.use_random(generator)
        cross_entropy(twin.supernet(IMAGES)).backward()
    learner = make_learner(spec)

    learner.step(IMAGES, TARGETS, epoch=0, step=0)

    assert_same_gradients(learner, twin)


def test_the_augmented_pass_sees_a_part_of_the_batch_at_a_part_of_the_size() -> None:
    spec = make_spec(batch_fraction=0.5, input_scale=0.75)
    learner = make_learner(spec)
    shapes = []
    learner.net.register_forward_pre_hook(lambda _, inputs: shapes.append(inputs[0].shape))

    learner.step(IMAGES, TARGETS, epoch=0, step=0)

    assert shapes == [(8, 1, 28, 28), (4, 1, 21, 21)]


def test_other_devices_draw_the_same_nets_unless_asked_for_others() -> None:
    def widths(rank: int, *, own: bool) -> list[int]:
        draws = [draw(0, step, rank, nets_by_rank=own) for step in range(16)]
        return [int(torch.randint(1000, (), generator=one.nets)) for one in draws]

    assert widths(0, own=False) == widths(1, own=False)
    assert widths(0, own=True) != widths(1, own=True)


def test_in_place_distillation_teaches_the_base_net_and_not_the_augmented_one() -> None:
    spec = make_spec(distill=0.7, distill_temperature=2.0)
    twin, base, augmented = base_and_augmented(spec)
    learnt = distillation_loss(base, augmented.detach(), 2.0)
    (cross_entropy(base) + 0.7 * learnt + cross_entropy(augmented)).backward()
    learner = make_learner(spec)

    learner.step(IMAGES, TARGETS, epoch=0, step=0)

    assert_same_gradients(learner, twin)


@pytest.mark.parametrize("distill", [0.0, 0.5])
def test_a_projected_gradient_never_opposes_the_base_gradient(distill: float) -> None:
    spec = make_spec(project_gradient=True, distill=distill, alpha=10.0)
    learner = make_learner(spec)
    unprojected = make_learner(make_spec(distill=distill, alpha=10.0))
    twin, base, augmented = base_and_augmented(spec)
    loss = cross_entropy(base)
    if distill:
        loss = loss + distill * distillation_loss(base, augmented.detach(), 1.0)
    loss.backward()
    for step in range(8):
        for one in (learner, unprojected):
            one.step(IMAGES, TARGETS, epoch=0, step=step)
        if step == 0:
            along = gradient(learner) @ gradient(twin) / gradient(twin).square().sum()
            # Base alone has 1; what is added may only point the same way.
            assert along >= 1 - 1e-5

    assert not torch.equal(gradient(learner), gradient(unprojected))


def test_a_teacher_weighs_against_the_labels_in_both_passes() -> None:
    document = make_spec().model_dump(mode="json")
    document["distillation"] = {"teacher": "job_1", "weight": 0.25, "temperature": 2.0}
    spec = JobSpec.model_validate(document)
    answers = torch.randn(8, 10, generator=torch.Generator().manual_seed(5))
    twin, base, augmented = base_and_augmented(spec)
    for logits in (base, augmented):
        learnt = distillation_loss(logits, answers, 2.0)
        (0.75 * cross_entropy(logits) + 0.25 * learnt).backward(retain_graph=True)
    asked = []

    def teacher(images: Tensor) -> Tensor:
        asked.append(len(images))
        return answers

    learner = Learner(spec, architecture(spec), CPU, objective=Objective.of(spec, teacher))
    learner.step(IMAGES, TARGETS, epoch=0, step=0)

    assert asked == [8]
    assert_same_gradients(learner, twin)


def test_mixed_pictures_count_for_both_their_labels() -> None:
    learner, twin = make_learner(runs.plain_spec()), make_learner(runs.plain_spec())
    twin.net.train()
    torch.manual_seed(0)
    partners = LABELS.flip(0)
    draw(3, 0, 0, nets_by_rank=False)  # the same dropout
    logits = twin.net(IMAGES)
    smoothing = runs.plain_spec().training.label_smoothing
    own, other = (
        F.cross_entropy(logits, one, label_smoothing=smoothing) for one in (LABELS, partners)
    )
    (0.3 * own + 0.7 * other).backward()

    learner.step(IMAGES, Targets(LABELS, partners, 0.3), epoch=0, step=0)

    assert_same_gradients(learner, twin)


def test_the_average_follows_the_weights_and_is_what_is_deployed() -> None:
    learner = make_learner(make_spec({"ema_decay": 0.75}))
    before = learner.net.state_dict()["network.stem.conv.weight"].clone()

    learner.step(IMAGES, TARGETS, epoch=0, step=0)

    after = learner.net.state_dict()["network.stem.conv.weight"]
    expected = (0.75 * before + 0.25 * after)[:8]
    torch.testing.assert_close(learner.deployable().state_dict()["stem.conv.weight"], expected)


def test_the_average_of_a_sorted_net_is_sorted_alike() -> None:
    learner = make_learner(make_spec({"ema_decay": 0.5}))
    assert learner.average is not None

    learner.start_epoch(0)

    ours, average = learner.net.state_dict(), learner.average.net.state_dict()
    assert all(torch.equal(ours[name], average[name]) for name in ours)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_short_format_gives_nearly_the_same_step_and_keeps_float32_weights(
    precision: str,
) -> None:
    exact, short = make_learner(make_spec()), make_learner(make_spec({"precision": precision}))

    expected = exact.step(IMAGES, TARGETS, epoch=0, step=0)
    losses = short.step(IMAGES, TARGETS, epoch=0, step=0)

    torch.testing.assert_close(losses.float(), expected, atol=0.05, rtol=0.05)
    assert not torch.equal(losses.float(), expected)
    assert {parameter.dtype for parameter in short.net.parameters()} == {torch.float32}


def test_channels_are_sorted_while_widths_are_drawn_and_not_later() -> None:
    learner = make_learner(make_spec())
    before = {name: tensor.clone() for name, tensor in learner.net.state_dict().items()}

    learner.start_epoch(1)
    assert all(torch.equal(t, before[n]) for n, t in learner.net.state_dict().items())
    learner.start_epoch(0)
    assert not all(torch.equal(t, before[n]) for n, t in learner.net.state_dict().items())


@pytest.mark.parametrize("training", [{}, {"ema_decay": 0.9}, {"precision": "float16"}])
def test_state_saved_and_loaded_goes_on_with_the_same_bits(
    tmp_path: Path, training: dict[str, Any]
) -> None:
    spec = make_spec(training)
    learner, other = make_learner(spec), make_learner(spec)
    learner.step(IMAGES, TARGETS, 0, 0)
    torch.save(learner.state_dict(), tmp_path / "state")

    other.load_state_dict(torch.load(tmp_path / "state", weights_only=True))  # noqa: TID251  # a test
    for one in (learner, other):
        one.step(IMAGES, TARGETS, 0, 1)

    for ours, theirs in ((learner.net, other.net), (learner.deployable(), other.deployable())):
        expected = ours.state_dict()
        assert all(torch.equal(t, expected[n]) for n, t in theirs.state_dict().items())


def test_the_random_numbers_of_a_step_depend_on_its_position_alone() -> None:
    first = draw(7, 20, 1, nets_by_rank=True)
    torch.rand(5)
    again = draw(7, 20, 1, nets_by_rank=True)

    assert first.turn == again.turn
    assert torch.equal(first.nets.get_state(), again.nets.get_state())
    assert first.turn != draw(7, 21, 1, nets_by_rank=True).turn
