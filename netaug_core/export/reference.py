"""What the trained tiny net computes on the test part: the measure of every exported file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor

from netaug_core.data.batches import Feed
from netaug_core.data.parts import Part
from netaug_core.export import layers
from netaug_core.models.network import Network

PROBE_IMAGES = 8  # enough to see a layer that differs, small enough to keep all of them
LAYER_PREFIX = "layer."


@dataclass(frozen=True)
class Reference:
    """Logits (N, num_classes) of the whole test part, and each layer's output on a few images."""

    logits: NDArray[np.float32]
    layers: layers.Outputs


def probe_images(part: Part, feed: Feed) -> Tensor:
    """The first test images, as network input."""
    few = part.take(np.arange(min(PROBE_IMAGES, len(part)), dtype=np.int64))
    return torch.cat([images for images, _ in feed.evaluation(few)])


def write(path: Path, network: Network, logits: Tensor, probe: Tensor) -> None:
    outputs = layers.of_network(network, probe)
    tensors = {LAYER_PREFIX + name: np.ascontiguousarray(v) for name, v in outputs.items()}
    order = "\n".join(outputs)
    save_file({"logits": logits.numpy(), **tensors, "order": _bytes(order)}, path)


def read(path: Path) -> Reference:
    tensors = load_file(path)
    order = tensors["order"].tobytes().decode().split("\n")
    return Reference(tensors["logits"], {name: tensors[LAYER_PREFIX + name] for name in order})


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8).copy()
