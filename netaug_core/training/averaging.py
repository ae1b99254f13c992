"""An exponential moving average of the weights, which is deployed in their place."""

import copy

import torch
from torch import nn


class WeightAverage:
    """A copy of a net that follows it: average = decay * average + (1 - decay) * weights.

    Running statistics are averaged alike (Polyak averaging, as in Tan and Le 2019).
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.net = copy.deepcopy(net)
        self._decay = decay

    @torch.no_grad()
    def follow(self, net: nn.Module) -> None:
        """Move towards the weights that a step has made."""
        mine = [t for t in self.net.state_dict().values() if t.is_floating_point()]
        theirs = [t for t in net.state_dict().values() if t.is_floating_point()]
        torch._foreach_lerp_(mine, theirs, 1 - self._decay)
