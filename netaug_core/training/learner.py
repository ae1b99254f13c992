"""The networks under training, and one optimizer step of them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netaug_core.architectures import Architecture
from netaug_core.augment.channel_order import sort_channels
from netaug_core.augment.schedule import Phase, phase
from netaug_core.augment.supernet import Supernet
from netaug_core.models.network import Network, build
from netaug_core.sections.augment import AugmentSpec
from netaug_core.spec import JobSpec
from netaug_core.training import optim

TERMS = ("base", "augmented")  # the losses of a step, in order; a plain step has the first only


class Learner:
    """What training changes: weights, momentum, and the generator that draws augmented nets."""

    def __init__(self, spec: JobSpec, architecture: Architecture, device: torch.device) -> None:
        self.spec = spec
        self.architecture = architecture
        seed = spec.training.seed
        initial = torch.Generator().manual_seed(seed)
        # Draws on the CPU whatever the device: the same nets on every machine.
        self.generator = torch.Generator().manual_seed(seed + 1)
        self.supernet: Supernet | None = None
        self.plain: Network | None = None
        net: nn.Module
        if spec.augment is None:
            net = self.plain = build(architecture, initial).to(device)
        else:
            net = self.supernet = Supernet(architecture, spec.augment, initial).to(device)
        self.net = net
        self.optimizer = optim.sgd(net, spec.training)

    def start_epoch(self, epoch: int) -> None:
        """Sort the channels, while widths are drawn. Doing it again changes nothing."""
        augment = self.spec.augment
        if self.supernet is None or augment is None or not augment.sort_channels:
            return
        if phase(epoch, self.spec.training, augment) is Phase.WIDTH_AND_EXPAND:
            sort_channels(self.supernet, self.optimizer)

    def step(self, images: Tensor, labels: Tensor, epoch: int) -> Tensor:
        """One update of the shared weights by the gradient of both losses.

        L(W_t) + alpha L([W_t, W_i]), one augmented net a step; Cai et al., NetAug, ICLR 2022.

        Args:
            images: (B, C, S, S), normalised.
            labels: (B,) int64.
            epoch: decides what is drawn.

        Returns:
            The losses, detached, on the device: base and augmented, or the base alone. They are
            not checked here: that would make a GPU wait at every step.
        """
        self.net.train()
        self.optimizer.zero_grad()
        if self.supernet is None or self.spec.augment is None:
            losses = [self._backward(images, labels, 1.0)]
        else:
            self.supernet.use_base()
            # Its activations are freed before the larger net runs: the peak is one net's, not two.
            base = self._backward(images, labels, 1.0)
            self._use_augmented(self.supernet, self.spec.augment, epoch)
            losses = [base, self._backward(images, labels, self.spec.augment.alpha)]
        self.optimizer.step()
        return torch.stack(losses)

    def deployable(self) -> Network:
        """The tiny net: a copy cut out of the supernet (calibrate it), or the plain net itself."""
        if self.supernet is not None:
            return self.supernet.base_network()
        assert self.plain is not None  # noqa: S101  # one of the two always is
        return self.plain

    def state_dict(self) -> dict[str, Any]:
        return {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])

    def _use_augmented(self, supernet: Supernet, augment: AugmentSpec, epoch: int) -> None:
        if phase(epoch, self.spec.training, augment) is Phase.WIDTH_AND_EXPAND:
            supernet.use_random(self.generator)
        else:
            supernet.use_expand_only(self.generator)

    def _backward(self, images: Tensor, labels: Tensor, weight: float) -> Tensor:
        smoothing = self.spec.training.label_smoothing
        loss = F.cross_entropy(self.net(images), labels, label_smoothing=smoothing)
        (loss * weight).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return loss.detach()
