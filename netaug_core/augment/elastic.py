"""Layers that run at any width up to their own: always the leading channels, a slice.

The input's channels tell how much of a layer is active; only a convolution chooses its output.
Running statistics are one shared set, as in the reference: recalibrate before trusting accuracy.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netaug_core.models.blocks import Layers


class ElasticConv2d(nn.Conv2d):
    """A convolution whose first `active_out_channels` filters run; depthwise follows its input.

    Attributes:
        active_in: where the weights are that read each part of a concatenation; None: the input is
            one part, and the leading weights read it.
    """

    active_out_channels: int | None = None  # None: all
    active_in: tuple[slice, ...] | None = None

    def forward(self, input: Tensor) -> Tensor:  # the name nn.Conv2d gave it
        in_channels = input.shape[1]
        if self.groups > 1:
            return F.conv2d(
                input,
                self.active_weight(in_channels),
                stride=self.stride,
                padding=self.padding,
                groups=in_channels,
            )
        weight = self.active_weight(in_channels)
        bias = None if self.bias is None else self.bias[: self.active_out_channels]
        return F.conv2d(input, weight, bias, stride=self.stride, padding=self.padding)

    def active_weight(self, in_channels: int) -> Tensor:
        """The weights that run on so many channels."""
        if self.groups > 1:
            return self.weight[:in_channels]
        out_channels = self.active_out_channels
        if self.active_in is None:
            return self.weight[:out_channels, :in_channels]
        return torch.cat([self.weight[:out_channels, part] for part in self.active_in], 1)


class ElasticBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of the leading channels."""

    def forward(self, input: Tensor) -> Tensor:  # the name nn.BatchNorm2d gave it
        channels = input.shape[1]
        assert self.running_mean is not None  # noqa: S101  # for mypy: tracking is never turned off
        assert self.running_var is not None  # noqa: S101  # likewise
        return F.batch_norm(
            input,
            self.running_mean[:channels],
            self.running_var[:channels],
            self.weight[:channels],
            self.bias[:channels],
            self.training,
            self.momentum or 0.0,
            self.eps,
        )


class ElasticLinear(nn.Linear):
    """A linear layer that reads the leading features; its outputs, the classes, are all active."""

    def forward(self, input: Tensor) -> Tensor:  # the name nn.Linear gave it
        return F.linear(input, self.weight[:, : input.shape[1]], self.bias)


ELASTIC = Layers(ElasticConv2d, ElasticBatchNorm2d, ElasticLinear)
