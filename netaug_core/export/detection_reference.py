"""What a trained detector finds on the test part: the measure of every exported file.

N anchors, K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor

from netaug_core.data.detection.feed import DetectionFeed, WholeBatch
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.export import layers
from netaug_core.models.detector import DetectionNetwork
from netaug_core.training.evaluate_detection import Reading

COMPARED_IMAGES = 32  # of which every anchor's box and score is compared
PROBE_IMAGES = 2  # of which every layer's output is kept
LAYER_PREFIX = "layer."


@dataclass(frozen=True)
class Reference:
    """Of the first test images, boxes (n, N, 4) in pixels of the input and scores (n, N, K).

    Attributes:
        score: average precision on the whole test part.
        layers: each layer's output on the first images.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    score: float
    layers: layers.Outputs


def compared(part: DetectionPart, feed: DetectionFeed) -> Iterator[WholeBatch]:
    """The images whose anchors are compared."""
    return feed.evaluation(part.take(np.arange(min(COMPARED_IMAGES, len(part)), dtype=np.int64)))


def probe_images(part: DetectionPart, feed: DetectionFeed) -> Tensor:
    """The first test images, as network input."""
    few = part.take(np.arange(min(PROBE_IMAGES, len(part)), dtype=np.int64))
    return torch.cat([batch.images for batch in feed.evaluation(few)])


@torch.no_grad()
def write(
    path: Path,
    network: DetectionNetwork,
    reading: Reading,
    part: DetectionPart,
    feed: DetectionFeed,
    score: float,
) -> None:
    """Of a network in eval mode, on the CPU."""
    decoded = [
        reading.decode(network(batch.images), batch.images.shape[-1])
        for batch in compared(part, feed)
    ]
    boxes, scores = (torch.cat(parts).numpy() for parts in zip(*decoded, strict=True))
    outputs = layers.of_network(network, probe_images(part, feed))
    tensors = {LAYER_PREFIX + name: np.ascontiguousarray(v) for name, v in outputs.items()}
    order = np.frombuffer("\n".join(outputs).encode(), np.uint8).copy()
    found = {"boxes": boxes, "scores": scores, "score": np.array([score], np.float64)}
    save_file({**found, **tensors, "order": order}, path)


def read(path: Path) -> Reference:
    tensors = load_file(path)
    order = tensors["order"].tobytes().decode().split("\n")
    return Reference(
        boxes=tensors["boxes"],
        scores=tensors["scores"],
        score=float(tensors["score"][0]),
        layers={name: tensors[LAYER_PREFIX + name] for name in order},
    )
