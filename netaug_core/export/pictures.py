"""Pictures of a part as a device has them: bytes. N pictures, S side, C channels."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netaug_core.quantized.preprocessing import WHITE, Preprocessing

Bytes = NDArray[np.uint8]


def first(feed: Any, part: Any, count: int, preprocessing: Preprocessing) -> Bytes:
    """The first pictures of a part, so many or all, (N, S, S, C), scaled as the network's are.

    Args:
        feed: loads them for the CPU.
        part: of either task.
        count: how many at most.
        preprocessing: what the feed does to bytes; it is undone.
    """
    few = part.take(np.arange(min(count, len(part)), dtype=np.int64))
    std, mean = (torch.tensor(one)[:, None, None] for one in _statistics(preprocessing))
    blocks = [
        ((images * std + mean) * WHITE).round().clamp(0, WHITE).to(torch.uint8)
        for images in _images(feed, few)
    ]
    return np.ascontiguousarray(torch.cat(blocks).permute(0, 2, 3, 1).numpy())


def _statistics(preprocessing: Preprocessing) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return preprocessing.std, preprocessing.mean


def _images(feed: Any, part: Any) -> Iterator[Tensor]:
    for batch in feed.evaluation(part):
        yield batch[0] if isinstance(batch, tuple) else batch.images
