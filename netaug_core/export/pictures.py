"""Pictures of a part as a device has them: bytes. N pictures, S side, C channels."""

import numpy as np
import torch
from numpy.typing import NDArray

from netaug_core.data.counters import Indices
from netaug_core.data.parts import Part


def of_part(part: Part, positions: Indices, size: int) -> NDArray[np.uint8]:
    """The pictures at some positions, (N, S, S, C), scaled as the network's pictures are."""
    pixels = part.source.load(part.indices[positions], size)  # (N, C, S, S), 0..255
    as_bytes = pixels.round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(as_bytes.permute(0, 2, 3, 1).numpy())


def first(part: Part, count: int, size: int) -> NDArray[np.uint8]:
    """The first pictures of a part, so many or all."""
    return of_part(part, np.arange(min(count, len(part)), dtype=np.int64), size)
