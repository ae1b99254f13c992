"""What several processes do together in the tests, and one alone for comparison."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netaug_core.augment.elastic import ElasticConv2d
from netaug_core.data.batches import Feed, Targets, TrainingBatch
from netaug_core.data.dataset import Dataset, open_dataset
from netaug_core.data.order import EVALUATION_BATCH
from netaug_core.data.transforms import TrainTransform
from netaug_core.models.shared_norm import SharedBatchNorm2d
from netaug_core.spec import JobSpec
from netaug_core.training.calibration import calibrate
from netaug_core.training.control import Control, LeaveRequested, Wish
from netaug_core.training.devices import ONE, Group, in_rounds
from netaug_core.training.draws import draw
from netaug_core.training.evaluate import predict
from netaug_core.training.learner import Learner
from netaug_core.training.objective import Objective
from netaug_core.training.turn import Turn
from tests.netaug_core import runs

Weights = dict[str, Tensor]
BATCH = 60
RATE = 0.004  # a higher one lets rounding grow before the comparison


def document(
    augment: dict[str, Any] | None = None, *, plain: bool = False, **training: object
) -> dict[str, Any]:
    """A small net without dropout, whose masks would differ between one and two devices."""
    found = runs.tiny_document(learning_rate=RATE, **training)
    found["model"]["dropout"] = 0.0
    found["data"]["batch_size"] = BATCH
    found["augment"] = None if plain else found["augment"] | (augment or {})
    return found


@cache
def dataset() -> Dataset:
    return open_dataset(JobSpec.model_validate(document()).data, ())


def learner_of(spec: JobSpec, group: Group) -> Learner:
    architecture = spec.model.architecture(num_classes=10, in_channels=1)
    cpu = torch.device("cpu")
    return Learner(spec, architecture, cpu, objective=Objective.of(spec), group=group)


def feed_of(spec: JobSpec, group: Group) -> Feed:
    transform = TrainTransform(spec.data, spec.model.input_size, spec.training.seed)
    cpu, rank = torch.device("cpu"), group.rank
    return Feed(transform, dataset().normalisation, cpu, 0, rank.number, rank.count)


@contextmanager
def in_double_precision() -> Iterator[None]:
    """Untrained nets make much of float32's rounding: in float64 a difference is a mistake."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def images_of(batch: TrainingBatch) -> Tensor:
    return batch.images.to(torch.get_default_dtype())


def advance(learner: Learner, group: Group, steps: range, epoch: int = 0) -> list[Tensor]:
    """Train some steps of an epoch; the losses of each."""
    spec = learner.spec
    batches = feed_of(spec, group).training(dataset().train, epoch, BATCH, steps.start)
    if steps.start == 0:
        learner.start_epoch(epoch)
    losses = []
    for step, batch in zip(steps, batches, strict=False):
        losses.append(learner.step(images_of(batch), batch.targets, epoch, step))
    return losses


def weights_of(net: nn.Module) -> Weights:
    """And running statistics; not the count of batches, of which each device has its own."""
    state = net.state_dict()
    return {name: state[name].clone() for name in state if state[name].is_floating_point()}


def train(
    group: Group, spec_document: dict[str, Any], num_steps: int, epoch: int = 0
) -> tuple[Weights, list[Tensor]]:
    with in_double_precision():
        learner = learner_of(JobSpec.model_validate(spec_document), group)
        losses = advance(learner, group, range(num_steps), epoch)
    return weights_of(learner.net), losses


def train_alone(
    spec_document: dict[str, Any], num_steps: int, epoch: int = 0
) -> tuple[Weights, list[Tensor]]:
    return train(ONE, spec_document, num_steps, epoch)


def train_in_parts(
    spec_document: dict[str, Any], num_steps: int, num_parts: int
) -> tuple[Weights, list[Tensor]]:
    """One process does what devices with statistics of their own do, in the plainest way.

    The gradient of a step is the mean of those of the parts of its batch; so are the running
    statistics, and each part starts from the step's.
    """
    spec = JobSpec.model_validate(spec_document)
    with in_double_precision():
        learner = learner_of(spec, ONE)
        return _train_in_parts(learner, num_steps, num_parts)


def _train_in_parts(
    learner: Learner, num_steps: int, num_parts: int
) -> tuple[Weights, list[Tensor]]:
    spec = learner.spec
    learner.start_epoch(0)
    learner.net.train()
    all_losses = []
    batches = feed_of(spec, ONE).training(dataset().train, 0, BATCH, 0)
    for step, batch in zip(range(num_steps), batches, strict=False):
        before, ends, losses = weights_of(learner.net), [], []
        learner.optimizer.zero_grad()
        images, labels = images_of(batch).chunk(num_parts), batch.targets.labels.chunk(num_parts)
        for own_images, own_labels in zip(images, labels, strict=True):
            learner.net.load_state_dict(before, strict=False)
            passes = [False] if learner.supernet is None else [False, True]
            losses.append([])
            for augmented in passes:
                if learner.supernet is not None:
                    nets = draw(spec.training.seed, step, 0, nets_by_rank=False).nets
                    use = learner.supernet.use_random if augmented else None
                    use(nets) if use else learner.supernet.use_base()
                loss = learner.objective(learner.net(own_images), Targets(own_labels))
                (loss / num_parts).backward()
                losses[-1].append(loss.detach())
            ends.append(weights_of(learner.net))
        means = {name: sum(end[name] for end in ends) / num_parts for name in before}
        learner.net.load_state_dict(means, strict=False)
        learner.optimizer.step()
        all_losses.append(torch.tensor(losses).mean(0))
    return weights_of(learner.net), all_losses


def train_in_two_attempts(
    group: Group, spec_document: dict[str, Any], num_steps: int, interrupted_at: int
) -> Weights:
    spec = JobSpec.model_validate(spec_document)
    with in_double_precision():
        first = learner_of(spec, group)
        advance(first, group, range(interrupted_at))
        saved = first.state_dict()
        second = learner_of(spec, group)
        second.load_state_dict(saved)
        advance(second, group, range(interrupted_at, num_steps))
    return weights_of(second.net)


def nets_drawn(group: Group, spec_document: dict[str, Any], num_steps: int) -> list[list[int]]:
    """Widths of the augmented net of each step."""
    learner = learner_of(JobSpec.model_validate(spec_document), group)
    convolutions = [m for m in learner.net.modules() if isinstance(m, ElasticConv2d)]
    drawn = []
    for step in range(num_steps):
        advance(learner, group, range(step, step + 1))
        drawn.append([int(conv.active_out_channels or 0) for conv in convolutions])
    return drawn


def calibrated(group: Group, spec_document: dict[str, Any], count: int) -> Weights:
    spec = JobSpec.model_validate(spec_document)
    network = learner_of(spec, ONE).deployable()
    batches = feed_of(spec, group).calibration(dataset().train, count)
    calibrate(network, in_rounds(batches, count, group), lambda: None, group)
    return weights_of(network)


def predicted(group: Group, spec_document: dict[str, Any], num_images: int) -> Tensor:
    spec = JobSpec.model_validate(spec_document)
    network = learner_of(spec, ONE).deployable()
    part = dataset().train.take(np.arange(num_images, dtype=np.int64))
    return predict(network, part, feed_of(spec, group), lambda: None, group)


def leaves_in_round(group: Group, asked_rank: int, asked_round: int) -> int:
    """The round in which this process leaves when one is asked to, in a part of three batches."""
    control = _Asked(asked_round if group.rank.number == asked_rank else 10)
    batches = range(group.rank.number, 3, group.rank.count)
    rounds = 0
    try:
        for _ in in_rounds(batches, 3 * EVALUATION_BATCH, group):
            group.leave_if_asked(control)
            rounds += 1
    except LeaveRequested:
        return rounds
    return -1


class _Asked(Control):
    """Is asked to leave after so many looks."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def wish(self) -> Wish | None:
        self._looks -= 1
        return Wish.LEAVE if self._looks < 0 else None


def agreed_turn(group: Group, turns: Sequence[Turn]) -> Turn:
    return turns[group.rank.number].agreed(group)


def leaving_alone_if(group: Group, leave: bool) -> str:
    """The first process works while the others wait, and may be asked to leave meanwhile."""
    try:
        with group.first_alone():
            if group.is_first and leave:
                raise LeaveRequested
    except LeaveRequested:
        return "left"
    return "done"


def normalised(group: Group, images: Tensor, direction: Tensor) -> list[Tensor]:
    """Output, gradients and running statistics of a shared normalisation of this rank's images."""
    norm = SharedBatchNorm2d(images.shape[1] + 2)  # wider than its input: it runs as a slice
    torch.manual_seed(5)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    own, own_direction = (
        whole.chunk(group.rank.count)[group.rank.number] for whole in (images, direction)
    )
    own.requires_grad_()
    output = norm(own)
    (output * own_direction).sum().backward()
    assert own.grad is not None
    assert norm.weight.grad is not None
    assert norm.bias.grad is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    found = [output, own.grad, norm.weight.grad, norm.bias.grad]
    return [tensor.detach() for tensor in [*found, norm.running_mean, norm.running_var]]
