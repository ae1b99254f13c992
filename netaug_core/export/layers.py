"""What each layer of a network computes, in PyTorch and in ONNX: to find where two disagree."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]  # ships no types
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netaug_core.export.onnx_file import SCOPES_KEY
from netaug_core.models.blocks import ConvNorm

# Of the convolutions that vocabulary.py, architectures.py and detectors/ name, and the classifier.
LAYER_NAMES = {
    *("stem", "final", "head", "classifier"),
    *("expand", "depthwise", "squeeze", "excite", "project"),
    *("first", "second", "third", "shortcut"),
    *("pointwise", "last", "reduce", "widen", "predict"),
}
WRAPPED = "network."  # where a detector's decoding is in the file, its network is a part
Outputs = dict[str, NDArray[np.float32]]


@torch.no_grad()
def of_network(network: nn.Module, images: Tensor) -> Outputs:
    """Outputs of every layer, by name, in the order in which they run."""
    outputs: Outputs = {}
    handles = [
        module.register_forward_hook(_keep(outputs, name)) for name, module in _layers(network)
    ]
    network.eval()
    network(images)
    for handle in handles:
        handle.remove()
    return outputs


def of_onnx(path: Path, images: NDArray[np.float32]) -> Outputs:
    """Outputs of the same layers in an ONNX file, as far as the file still names them."""
    model = onnx.load(path)
    tensors = dict(_layer_tensors(model))
    inner = [name for name in tensors.values() if name not in {o.name for o in model.graph.output}]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inner)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    values = session.run(list(tensors.values()), {session.get_inputs()[0].name: images})
    return dict(zip(tensors, values, strict=True))


def _layers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in network.named_modules():
        if isinstance(module, ConvNorm | nn.Linear):
            yield name, module


def _keep(outputs: Outputs, name: str) -> "_Hook":
    return _Hook(outputs, name)


class _Hook:
    """Notes a layer's output under its name."""

    def __init__(self, outputs: Outputs, name: str) -> None:
        self._outputs = outputs
        self._name = name

    def __call__(self, module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        del module, inputs
        self._outputs[self._name] = output.cpu().numpy().copy()


def _layer_tensors(model: onnx.ModelProto) -> Iterator[tuple[str, str]]:
    """Layer names and the tensor that leaves each: that of its last node."""
    last: dict[str, str] = {}
    for node in model.graph.node:
        for prop in node.metadata_props:
            if prop.key == SCOPES_KEY:
                for scope in _scopes(prop.value):
                    last[scope] = node.output[0]
    for scope, tensor in last.items():
        leaf = scope.rsplit(".", 1)[-1]
        if leaf in LAYER_NAMES:
            yield scope.removeprefix(WRAPPED), tensor


def _scopes(text: str) -> list[str]:
    return [scope.strip(" '\"") for scope in text.strip("[]").split(",")]
