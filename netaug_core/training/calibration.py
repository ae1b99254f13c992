"""Re-estimates batch normalisation's statistics, which augmented nets have blurred in training."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from netaug_core.training.devices import ONE, Group


class _Moments:
    """Sample-weighted means of one layer's batch statistics."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        self.norm = norm
        self.mean = torch.zeros_like(norm.weight, dtype=torch.float64)
        self.variance = torch.zeros_like(self.mean)
        self.num_samples = torch.zeros_like(self.mean[:1])

    def add(self, module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        """A forward hook: with momentum 1 the running statistics are those of this batch."""
        del module, output
        batch = len(inputs[0])
        values = inputs[0].numel() // inputs[0].shape[1]  # a channel has this many in the batch
        mean, variance = self._running()
        biased = variance.double() * ((values - 1) / values)  # torch keeps the unbiased one
        self.mean += mean.double() * batch
        self.variance += biased * batch
        self.num_samples += batch

    def sums(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.mean, self.variance, self.num_samples

    def write(self) -> None:
        mean, variance = self._running()
        mean.copy_(self.mean / self.num_samples)
        variance.copy_(self.variance / self.num_samples)

    def _running(self) -> tuple[Tensor, Tensor]:
        assert self.norm.running_mean is not None  # noqa: S101  # for mypy: always tracked
        assert self.norm.running_var is not None  # noqa: S101  # likewise
        return self.norm.running_mean, self.norm.running_var


@torch.no_grad()
def calibrate(
    network: nn.Module,
    batches: Iterable[Tensor | None],
    before_batch: Callable[[], None],
    group: Group = ONE,
) -> None:
    """Set running mean and (biased) variance to the averages over the batches of all devices.

    Each layer is normalised by its own batch statistics meanwhile, as in training. Source: the
    NetAug reference recipe. Leaves the network in eval mode.

    Args:
        network: the tiny net.
        batches: this device's images; None for a round in which it has none.
        before_batch: called in each round.
        group: of the devices.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    moments = [_Moments(norm) for norm in norms]
    network.eval()
    with _batch_statistics(norms):
        handles = [m.norm.register_forward_hook(m.add) for m in moments]
        for images in batches:
            before_batch()
            if images is not None:
                network(images)
        for handle in handles:
            handle.remove()
    _add_up(moments, group)
    for moment in moments:
        moment.write()


def _add_up(moments: list[_Moments], group: Group) -> None:
    """The sums of all devices, in one exchange."""
    sums = torch.cat([part for moment in moments for part in moment.sums()])
    group.add_up(sums)
    lengths = [len(part) for moment in moments for part in moment.sums()]
    parts = iter(torch.split(sums, lengths))
    for moment in moments:
        for part in moment.sums():
            part.copy_(next(parts))


@contextmanager
def _batch_statistics(norms: list[nn.BatchNorm2d]) -> Iterator[None]:
    """Dropout stays off: only normalisation runs as in training."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    yield
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval()
        norm.momentum = momentum
