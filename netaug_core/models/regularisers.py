"""Drop path and DropBlock: they act while training and pass on what they get otherwise.

They draw from torch's own generators, as dropout does. B batch, C channels, H and W height and
width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DropPath(nn.Module):
    """Drops what a block adds to its shortcut, image by image; the rest is scaled up to its mean.

    Source: stochastic depth, Huang et al. 2016.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, features: Tensor) -> Tensor:
        if not self.training or self.probability == 0:
            return features
        keep = 1 - self.probability
        # In float32 whatever the features: a short format has few numbers between 0 and 1.
        drawn = torch.rand(len(features), 1, 1, 1, dtype=torch.float32, device=features.device)
        return features * (drawn < keep).to(features.dtype).div_(keep)  # (B, C, H, W)

    def extra_repr(self) -> str:
        return f"probability={self.probability:g}"


class DropBlock(nn.Module):
    """Drops squares of a feature map, channel by channel; the rest is scaled by the kept share.

    Source: Ghiasi et al. 2018, algorithm 1.

    Attributes:
        probability: about the share of activations to drop; changes from epoch to epoch.
        size: side of a square in pixels, at most that of the map.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.probability = 0.0

    def forward(self, features: Tensor) -> Tensor:
        if not self.training or self.probability == 0:
            return features
        dropped = self._draw(features)
        # At least one: a tiny map may be dropped as a whole.
        num_kept = (dropped.numel() - dropped.count_nonzero()).clamp(min=1)
        kept = dropped.logical_not().to(features.dtype)
        return features * kept.mul_(dropped.numel() / num_kept)

    def extra_repr(self) -> str:
        return f"size={self.size}, probability={self.probability:g}"

    def _draw(self, features: Tensor) -> Tensor:
        """Which activations to drop: (B, C, H, W) bool, in the features' layout."""
        height, width = features.shape[2:]
        rows, columns = height - self.size + 1, width - self.size + 1  # where a square can begin
        rate = self.probability * height * width / (self.size**2 * rows * columns)
        places = features.detach()[:, :, :rows, :columns]
        begins = torch.rand_like(places, dtype=torch.float32) < rate
        margin = self.size - 1
        padded = F.pad(begins, (margin, margin, margin, margin))
        # Shifted copies, down and then across: a tenth of the time of a maximum over squares.
        down = padded[:, :, :height]
        for shift in range(1, self.size):
            down = down | padded[:, :, shift : shift + height]
        across = down[..., :width]
        for shift in range(1, self.size):
            across = across | down[..., shift : shift + width]
        return across  # (B, C, H, W)
