"""Networks that look as if they were trained: their norms have statistics of their own."""

from typing import TypeVar

import torch
from torch import nn

from netaug_core.architectures import Architecture
from netaug_core.detectors.table import Detector
from netaug_core.models import detector as detectors
from netaug_core.models import network as networks
from netaug_core.models.detector import DetectionNetwork
from netaug_core.models.network import Network

Net = TypeVar("Net", bound=nn.Module)


def network(table: Architecture, seed: int = 0) -> Network:
    return spread(networks.build(table, torch.Generator().manual_seed(seed)), seed).eval()


def detector(table: Detector, seed: int = 0) -> DetectionNetwork:
    return spread(detectors.build(table, torch.Generator().manual_seed(seed)), seed).eval()


@torch.no_grad()
def spread(net: Net, seed: int) -> Net:
    """Norms and biases drawn anew, none of them near what they start with."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.uniform_(0.5, 1.5, generator=generator)
            module.bias.normal_(0, 0.3, generator=generator)
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.1, 0.5, generator=generator)
        elif isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
            module.bias.normal_(0, 0.3, generator=generator)
    return net
