"""The networks under training, and one optimizer step of them."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netaug_core.augment import kinds
from netaug_core.augment.channel_order import sort_channels
from netaug_core.augment.schedule import Phase, draws_width, num_passes, phase
from netaug_core.augment.supernet import Supernet
from netaug_core.models.detector import DetectionNetwork
from netaug_core.models.network import Network
from netaug_core.models.shared_norm import share_statistics
from netaug_core.sections.augment import AugmentSpec
from netaug_core.spec import JobSpec
from netaug_core.training import optim, projection
from netaug_core.training.averaging import WeightAverage
from netaug_core.training.devices import ONE, Group
from netaug_core.training.distillation import distillation_loss
from netaug_core.training.draws import StepDraws, draw
from netaug_core.training.precision import Precision
from netaug_core.training.regularisers import Regularisers
from netaug_core.training.replica import Replica
from netaug_core.training.task import Objective, Prepared, Table, Targets

TinyNet: TypeAlias = Network | DetectionNetwork
AnySupernet: TypeAlias = Supernet[Any, Any]

TERMS = ("base", "augmented")  # the losses of a step, in order; some steps have the first only


class Learner:
    """What training changes: weights, their average, and momentum."""

    def __init__(
        self,
        spec: JobSpec,
        architecture: Table,
        device: torch.device,
        *,
        objective: Objective,
        group: Group = ONE,
    ) -> None:
        self.spec = spec
        self.architecture = architecture
        self.group = group
        training = spec.training
        initial = torch.Generator().manual_seed(training.seed)
        self.supernet: AnySupernet | None = None
        self.plain: TinyNet | None = None
        widen_neck = spec.detection is not None and spec.detection.widen_neck
        kind = kinds.kind_of(architecture, widen_neck=widen_neck)
        net: nn.Module
        if spec.augment is None:
            plain = kind.build(architecture, initial, training.initialisation).to(device)
            net = self.plain = plain
            self.regularisers = Regularisers(plain, spec)
        else:
            net = self.supernet = Supernet(
                architecture, spec.augment, initial, training.initialisation, widen_neck=widen_neck
            ).to(device)
            self.regularisers = Regularisers(net.network, spec)
        if training.batch_norm == "all_devices" and not group.is_alone:
            share_statistics(net)
        self.net = net
        self.replica = Replica(net, device, group)
        self.optimizer = optim.sgd(net, training)
        self.objective = objective
        self.precision = Precision(training.precision, device)
        self.average = WeightAverage(net, training.ema_decay) if training.ema_decay else None

    def start_epoch(self, epoch: int) -> None:
        """Sort the channels, while widths are drawn. Doing it again changes nothing."""
        augment = self.spec.augment
        if self.supernet is None or augment is None or not augment.sort_channels:
            return
        if draws_width(phase(epoch, self.spec.training, augment)):
            sort_channels(
                self.supernet,
                self.optimizer,
                sort_momentum=augment.sort_momentum,
                followers=[net for net in self.networks()[1:] if isinstance(net, Supernet)],
            )

    def step(self, images: Tensor, targets: Targets, epoch: int, step: int) -> Tensor:
        """One update of the shared weights by the gradient of all losses.

        L(W_t) + alpha L([W_t, W_i]), one augmented net a step; Cai et al., NetAug, ICLR 2022.

        Args:
            images: (B, C, S, S), normalised.
            targets: of these images.
            epoch: decides what is drawn.
            step: optimizer steps done so far; decides the random numbers.

        Returns:
            The losses, detached, on the device: base and augmented, or the base alone where there
            was no augmented pass. They are not checked here: a GPU would wait at every step.
        """
        self.net.train()
        self.regularisers.set_epoch(epoch)
        augment = self.spec.augment
        by_rank = augment is not None and augment.sample_per_device
        draws = draw(self.spec.training.seed, step, self.group.rank.number, nets_by_rank=by_rank)
        self.optimizer.zero_grad()
        with self.precision.context():
            prepared = self.objective.prepare(images, targets)
        if self.supernet is None or augment is None:
            losses = [self._backward(images, prepared)[0]]
        else:
            losses = self._netaug(self.supernet, augment, (images, prepared), (epoch, step, draws))
        self.precision.step(self.optimizer)
        reported = torch.stack(losses)
        self.group.average([reported, *self._running_statistics()])
        if self.average is not None:
            self.average.follow(self.net)
        return reported

    def networks(self) -> list[nn.Module]:
        """The network under training and, if it is kept, its average."""
        return [self.net] if self.average is None else [self.net, self.average.net]

    def deployable(self) -> TinyNet:
        """The tiny net: a copy cut out of the supernet (calibrate it), or the plain net itself."""
        net = self.net if self.average is None else self.average.net
        if isinstance(net, Supernet):
            base: TinyNet = net.base_network()
            return base
        assert isinstance(net, TinyNet)  # noqa: S101  # one of the two always is
        return net

    def state_dict(self) -> dict[str, Any]:
        return {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": self.precision.state_dict(),
            "average": None if self.average is None else self.average.net.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.precision.load_state_dict(state["precision"])
        if self.average is not None:
            self.average.net.load_state_dict(state["average"])

    def _netaug(
        self,
        supernet: AnySupernet,
        augment: AugmentSpec,
        batch: tuple[Tensor, Prepared],
        position: tuple[int, int, StepDraws],
    ) -> list[Tensor]:
        """The passes of a step: the base net's, and those of the nets that are drawn."""
        epoch, step, draws = position
        now = phase(epoch, self.spec.training, augment)
        count = 0 if now is Phase.OFF else num_passes(step, draws.turn, augment)
        if count == 0:
            supernet.use_base()
            return [self._backward(*batch)[0]]
        if augment.distill:
            return self._distilling(supernet, augment, batch, now, draws)
        supernet.use_base()
        # Its activations are freed before the larger net runs: the peak is one net's, not two.
        base, _ = self._backward(*batch, reduce=augment.project_gradient)
        held = self._take_gradients(augment)
        larger = self._reduced(batch, augment)
        augmented = []
        for left in reversed(range(count)):
            _use_augmented(supernet, now, draws.nets)
            loss, _ = self._backward(*larger, weight=augment.alpha, reduce=left == 0)
            augmented.append(loss)
        if held is not None:
            augmented_gradients = projection.take(supernet.parameters())
            projection.add_projected(list(supernet.parameters()), held, augmented_gradients)
        return [base, torch.stack(augmented).mean()]

    def _distilling(
        self,
        supernet: AnySupernet,
        augment: AugmentSpec,
        batch: tuple[Tensor, Prepared],
        now: Phase,
        draws: StepDraws,
    ) -> list[Tensor]:
        """The augmented net first: its outputs teach the base net in the same step."""
        larger = self._reduced(batch, augment)
        _use_augmented(supernet, now, draws.nets)
        augmented, answers = self._backward(
            *larger, weight=augment.alpha, reduce=augment.project_gradient
        )
        held = self._take_gradients(augment)
        supernet.use_base()
        base, _ = self._backward(*batch, answers=answers)
        if held is not None:
            base_gradients = projection.take(supernet.parameters())
            projection.add_projected(list(supernet.parameters()), base_gradients, held)
        return [base, augmented]

    def _running_statistics(self) -> list[Tensor]:
        """What the devices' batches have moved apart, so that all keep the same; float32.

        Once a step: then a checkpoint holds all that each device knows.
        """
        if self.spec.training.batch_norm == "all_devices":
            return []
        return [buffer for buffer in self.net.buffers() if buffer.is_floating_point()]

    def _take_gradients(self, augment: AugmentSpec) -> list[Tensor | None] | None:
        """Those of all devices: what is projected is the whole batch's, as on a single device."""
        return projection.take(self.net.parameters()) if augment.project_gradient else None

    def _backward(
        self,
        images: Tensor,
        prepared: Prepared,
        *,
        weight: float = 1.0,
        answers: Tensor | None = None,
        reduce: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """One pass of the net now in use; its loss and its output, detached.

        Args:
            images: that it sees.
            prepared: their targets.
            weight: of its gradient.
            answers: the augmented net's logits for the first images, if it teaches this pass.
            reduce: the gradients so far become their mean over the devices: in the last pass.
        """
        with nullcontext() if reduce else self.replica.unreduced(), self.precision.context():
            output = self.replica(images)
            loss = self.objective(output, prepared)
            if answers is not None and self.spec.augment is not None:
                augment = self.spec.augment
                taught = output[: len(answers)]
                learnt = distillation_loss(taught, answers, augment.distill_temperature)
                loss = loss + augment.distill * learnt
        self.precision.backward(loss * weight)
        return loss.detach(), output.detach()

    def _reduced(
        self, batch: tuple[Tensor, Prepared], augment: AugmentSpec
    ) -> tuple[Tensor, Prepared]:
        """The part of the batch, and the size, at which the augmented pass runs."""
        images, prepared = batch
        if augment.batch_fraction < 1:
            # Batch normalisation needs two images to have a variance.
            images = images[: max(min(2, len(images)), round(len(images) * augment.batch_fraction))]
        if augment.input_scale < 1:
            side = max(1, round(images.shape[-1] * augment.input_scale))
            images = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
            images = images.contiguous(memory_format=torch.channels_last)
        if images is not batch[0]:
            prepared = self.objective.reduced(prepared, len(images), images.shape[-1])
        return images, prepared


def _use_augmented(supernet: AnySupernet, now: Phase, generator: torch.Generator) -> None:
    match now:
        case Phase.WIDTH_AND_EXPAND:
            supernet.use_random(generator)
        case Phase.WIDTH_ONLY:
            supernet.use_width_only(generator)
        case _:
            supernet.use_expand_only(generator)
