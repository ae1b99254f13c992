"""The nodes of an ONNX graph that is written by hand, in QDQ form."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from netaug_core.quantized.model import Quantization


def integers_of(name: str) -> str:
    """The 8-bit integers of a tensor; its own name has the real numbers that they stand for."""
    return f"{name}.int8"


class Nodes:
    """Nodes and constants so far, in the order they run."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        node = helper.make_node(kind, inputs, [output], name=f"{output}:{kind}", **attributes)
        self.nodes.append(node)
        return output

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def quantise(self, real: str, name: str, quantization: Quantization) -> str:
        """A tensor's integers, and under its name the real numbers that they stand for."""
        parts = [
            self.constant(f"{name}.scale", np.array(quantization.scale, np.float32)),
            self.constant(f"{name}.zero_point", np.array(quantization.zero_point, np.int8)),
        ]
        self.add("QuantizeLinear", [real, *parts], integers_of(name))
        return self.add("DequantizeLinear", [integers_of(name), *parts], name)

    def by_channel(self, name: str, integers: NDArray[Any], scales: NDArray[np.float32]) -> str:
        """Constants (O, ...) as integers, each channel with a scale of its own."""
        parts = [
            self.constant(integers_of(name), integers),
            self.constant(f"{name}.scale", scales),
            self.constant(f"{name}.zero_point", np.zeros(len(scales), integers.dtype)),
        ]
        return self.add("DequantizeLinear", parts, name, axis=0)
