"""Activations that are no bounds but tables: 256 integers for 256 integers."""

import numpy as np
from numpy.typing import NDArray

from netaug_core.graph.execution import activate
from netaug_core.graph.operations import Conv, Function, Operation
from netaug_core.quantized.model import Quantization
from netaug_core.quantized.ranges import HIGHEST, LOWEST

# Where they change: below, both give 0; above, h_sigmoid gives 1 and h_swish is the identity.
USEFUL: dict[Function, tuple[float, float]] = {
    "h_swish": (-3.0, np.inf),
    "h_sigmoid": (-3.0, 3.0),
}


def has_table(operation: Operation) -> bool:
    """Whether what the operation computes goes through a table."""
    return isinstance(operation, Conv) and operation.activation in USEFUL


def table(function: Function, before: Quantization, after: Quantization) -> NDArray[np.int8]:
    """(256,) what each integer becomes, -128 first; halves go to even."""
    inputs = before.scale * (np.arange(LOWEST, HIGHEST + 1) - before.zero_point)
    steps = np.rint(activate(function, inputs) / after.scale) + after.zero_point
    return np.asarray(steps.clip(LOWEST, HIGHEST).astype(np.int8))
