"""Batch normalisation over the images of all devices, at any width; on the CPU as on GPUs.

C channels; a batch has the same shape on each device.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

Moments = tuple[Tensor, Tensor]  # mean and biased variance, each (C,)


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Normalises the leading channels by the statistics of the whole batch, wherever it lies."""

    def forward(self, input: Tensor) -> Tensor:  # the name nn.BatchNorm2d gave it
        channels = input.shape[1]
        assert self.running_mean is not None  # noqa: S101  # for mypy: tracking is never turned off
        assert self.running_var is not None  # noqa: S101  # likewise
        running = self.running_mean[:channels], self.running_var[:channels]
        weight, bias = self.weight[:channels], self.bias[:channels]
        if not self.training:
            return F.batch_norm(input, *running, weight, bias, eps=self.eps)
        mean, variance = _moments_of_all(input.detach())
        num_values = input.numel() // channels * dist.get_world_size()
        with torch.no_grad():
            unbiased = variance * (num_values / (num_values - 1))
            for kept, new in zip(running, (mean, unbiased), strict=True):
                kept.lerp_(new, self.momentum or 0.0)
        output: Tensor = _Normalise.apply(input, weight, bias, (mean, variance, self.eps))
        return output


def share_statistics(net: nn.Module) -> None:
    """Put a SharedBatchNorm2d in the place of each batch normalisation, with its parameters."""
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, _shared(child))


def _shared(norm: nn.BatchNorm2d) -> SharedBatchNorm2d:
    shared = SharedBatchNorm2d(norm.num_features, norm.eps, norm.momentum)
    shared.weight, shared.bias = norm.weight, norm.bias
    shared.running_mean, shared.running_var = norm.running_mean, norm.running_var
    shared.num_batches_tracked = norm.num_batches_tracked
    return shared.train(norm.training)


def _moments_of_all(images: Tensor) -> Moments:
    """Mean and variance over all devices, from those of each: exact where the mean is large."""
    exact = torch.promote_types(images.dtype, torch.float32)
    variance, mean = torch.var_mean(images.to(exact), (0, 2, 3), correction=0)
    own = torch.stack([mean, variance])
    gathered = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, own)
    means, variances = torch.stack(gathered, 1)  # each (devices, C)
    mean = means.mean(0)
    return mean, (variances + (means - mean).square()).mean(0)


class _Normalise(torch.autograd.Function):
    """Normalisation whose backward pass knows that all devices' images made the statistics."""

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor,
        bias: Tensor,
        statistics: tuple[Tensor, Tensor, float],
    ) -> Tensor:
        mean, variance, eps = statistics
        inverse_std = (variance + eps).rsqrt()
        ctx.save_for_backward(images, weight, mean, inverse_std)
        return F.batch_norm(images, mean, variance, weight, bias, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """d(sum of the devices' losses): weight and bias have this device's part alone."""
        images, weight, mean, inverse_std = ctx.saved_tensors
        centred = images - _per_channel(mean)
        bias_gradient = gradient.sum((0, 2, 3), dtype=mean.dtype)
        product = (gradient * centred).sum((0, 2, 3), dtype=mean.dtype)
        sums = torch.stack([bias_gradient, product])
        dist.all_reduce(sums)
        sums /= images.numel() // images.shape[1] * dist.get_world_size()
        offset, slope = sums[0], sums[1] * inverse_std.square()
        reached = gradient - _per_channel(offset) - centred * _per_channel(slope)
        reached = (reached * _per_channel(weight * inverse_std)).to(images.dtype)
        return reached, product * inverse_std, bias_gradient, None


def _per_channel(values: Tensor) -> Tensor:
    return values[:, None, None]
