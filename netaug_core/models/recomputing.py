"""Normalisation, activation and the convolution after them as one operation that keeps one tensor.

torch also keeps what comes out of the activation, for the convolution's backward pass: about half
of all that a step keeps. Here it is computed again, on the CPU alone: a quarter less memory at its
peak for some 6 % of the time (docs/decisions/0004).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from netaug_core.models.shared_norm import SharedBatchNorm2d

HIGHEST = 6.0  # of ReLU6
aten = torch.ops.aten
# Of a convolution: stride, padding, groups.
Geometry: TypeAlias = tuple[tuple[int, ...], tuple[int, ...] | str, int]


@dataclass(frozen=True)
class Activation:
    """An activation as two functions.

    Attributes:
        apply: to (B, C, H, W), which it may overwrite if `backward` needs what comes out.
        backward: from the gradient, which it may overwrite, and what `backward` needs.
    """

    apply: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]


ACTIVATIONS: dict[type[nn.Module], Activation] = {
    nn.ReLU: Activation(
        torch.relu_,
        lambda gradient, out: aten.threshold_backward.grad_input(
            gradient, out, 0, grad_input=gradient
        ),
    ),
    nn.ReLU6: Activation(
        lambda features: F.hardtanh_(features, 0.0, HIGHEST),
        lambda gradient, out: aten.hardtanh_backward.grad_input(
            gradient, out, 0.0, HIGHEST, grad_input=gradient
        ),
    ),
    nn.Hardswish: Activation(F.hardswish, aten.hardswish_backward),
}


@runtime_checkable
class Elastic(Protocol):
    """A convolution of which a part may run."""

    def active_weight(self, in_channels: int) -> Tensor:
        """The weights that run on so many channels."""
        ...


@dataclass(frozen=True)
class _Settings:
    """What the operation has no gradients of."""

    running: tuple[Tensor, Tensor]  # mean and variance (C,), updated in place
    momentum: float
    eps: float
    activation: Activation
    geometry: Geometry


def suits(features: Tensor) -> bool:
    """Whether a pass over these features trains, on the CPU, in float32."""
    return (
        torch.is_grad_enabled()
        and features.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
    )


def can_join(norm: nn.BatchNorm2d, activation: nn.Module, conv: nn.Conv2d) -> bool:
    """Whether `joined` knows these layers, as they are now."""
    return (
        norm.training
        and not isinstance(norm, SharedBatchNorm2d)
        and type(activation) in ACTIVATIONS
        and conv.bias is None
        and (conv.stride == (1, 1) or conv.groups > 1)  # others are for strided.py
    )


def joined(
    features: Tensor, norm: nn.BatchNorm2d, activation: nn.Module, conv: nn.Conv2d
) -> Tensor:
    """conv(activation(norm(features))) by the statistics of this batch (B, C, H, W)."""
    channels = features.shape[1]
    assert norm.running_mean is not None  # noqa: S101  # for mypy: tracking is never turned off
    assert norm.running_var is not None  # noqa: S101  # likewise
    if type(norm) is nn.BatchNorm2d and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)  # as torch's own does, and an elastic one does not
    settings = _Settings(
        running=(norm.running_mean[:channels], norm.running_var[:channels]),
        momentum=norm.momentum or 0.0,
        eps=norm.eps,
        activation=ACTIVATIONS[type(activation)],
        geometry=(conv.stride, conv.padding, channels if conv.groups > 1 else 1),
    )
    weight = conv.active_weight(channels) if isinstance(conv, Elastic) else conv.weight
    learnt = norm.weight[:channels], norm.bias[:channels], weight
    output: Tensor = _Function.apply(features, *learnt, settings)
    return output


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        scale: Tensor,
        shift: Tensor,
        weight: Tensor,
        settings: _Settings,
    ) -> Tensor:
        running_mean, running_variance = settings.running
        normalised, mean, inverse_std = torch.native_batch_norm(
            features,
            scale,
            shift,
            running_mean,
            running_variance,
            training=True,
            momentum=settings.momentum,
            eps=settings.eps,
        )
        ctx.save_for_backward(features, scale, shift, weight, mean, inverse_std)
        ctx.settings = settings
        stride, padding, groups = settings.geometry
        activated = settings.activation.apply(normalised)
        return F.conv2d(activated, weight, None, stride, padding, groups=groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        features, scale, shift, weight, mean, inverse_std = ctx.saved_tensors
        settings: _Settings = ctx.settings
        eps, activation = settings.eps, settings.activation
        stride, padding, groups = settings.geometry
        variance = inverse_std.square().reciprocal() - eps
        normalised = F.batch_norm(features, mean, variance, scale, shift, eps=eps)
        activated = activation.apply(normalised)
        geometry = stride, padding, (1, 1), False, (0, 0), groups  # not dilated, not transposed
        inner, weight_gradient, _ = aten.convolution_backward(
            gradient, activated, weight, None, *geometry, (True, True, False)
        )
        inner = activation.backward(inner, normalised)
        del normalised, activated  # before the next large tensor is made
        statistics = None, None, mean, inverse_std, True, eps  # the batch's, not the running
        gradients = aten.native_batch_norm_backward(
            inner, features, scale, *statistics, (True, True, True)
        )
        return *gradients, weight_gradient, None
