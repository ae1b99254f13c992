"""A network of either kind, ready to be written as C."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from netaug_core.c_export import (
    float_steps,
    identifiers,
    integer_convolutions,
    integer_steps,
    steps,
)
from netaug_core.c_export.errors import NotExpressible
from netaug_core.c_export.steps import Places, Step
from netaug_core.graph import arena
from netaug_core.graph.arena import Arena
from netaug_core.graph.folded import FoldedModel
from netaug_core.graph.operations import Conv, Graph
from netaug_core.quantized import bounds
from netaug_core.quantized.bounds import AccumulatorOverflow
from netaug_core.quantized.model import Quantization, QuantizedModel

Kind = Literal["int8", "float32"]
LARGEST_SIDE = 65_535  # of a shape in C: uint16_t
LARGEST_SUM = 2**30 - 1  # a bit less than 32: Cortex-M multiplies twice a sum by its factor


@dataclass(frozen=True, kw_only=True)
class Network:
    """What its C is written from.

    Attributes:
        steps: in running order.
        quantizations: of the outputs; of a float network scale 1 and zero 0.
        arena: in bytes.
        constant_bytes: of weights, biases, factors and tables.
    """

    kind: Kind
    places: Places
    steps: tuple[Step, ...]
    quantizations: Mapping[str, Quantization]
    arena: Arena
    constant_bytes: int

    @property
    def graph(self) -> Graph:
        return self.places.graph

    @property
    def macs(self) -> int:
        convolutions = (one for one in self.graph.operations if isinstance(one, Conv))
        return sum(self.graph.macs(conv) for conv in convolutions)

    @property
    def kernels(self) -> frozenset[str]:
        """Files of `kernels/` that are compiled."""
        return frozenset(f"{name}.c" for step in self.steps for name in step.kernels)


def of(model: QuantizedModel | FoldedModel) -> Network:
    """The network as steps.

    Raises:
        NotExpressible: it is too large for C's types, or has numbers that are none.
    """
    _check_shapes(model.graph)
    return _of_integers(model) if isinstance(model, QuantizedModel) else _of_floats(model)


def _of_integers(model: QuantizedModel) -> Network:
    try:
        bounds.check(model, most=LARGEST_SUM)
    except AccumulatorOverflow as error:
        raise NotExpressible(str(error)) from error
    planned = arena.plan(model.graph)
    places = _places(model.graph, planned, integer_steps.ELEMENT_BYTES)
    return Network(
        kind="int8",
        places=places,
        steps=tuple(integer_steps.of(model, places)),
        quantizations={name: model.tensors[name] for name in model.graph.outputs},
        arena=planned,
        constant_bytes=integer_convolutions.constant_bytes(model),
    )


def _of_floats(model: FoldedModel) -> Network:
    for name, conv in model.convolutions.items():
        if not (np.isfinite(conv.weights).all() and np.isfinite(conv.bias).all()):
            raise NotExpressible(f"{name} has weights or a bias that are no finite numbers")
    planned = arena.plan(model.graph, bytes_per_element=float_steps.ELEMENT_BYTES)
    places = _places(model.graph, planned, float_steps.ELEMENT_BYTES)
    return Network(
        kind="float32",
        places=places,
        steps=tuple(float_steps.of(model, places)),
        quantizations={name: Quantization(1.0, 0) for name in model.graph.outputs},
        arena=planned,
        constant_bytes=float_steps.constant_bytes(model),
    )


def _places(graph: Graph, planned: Arena, element_bytes: int) -> Places:
    elements = {name: offset // element_bytes for name, offset in planned.offsets.items()}
    return Places(graph, identifiers.of_tensors(steps.names_of(graph)), elements)


def _check_shapes(graph: Graph) -> None:
    for name, shape in graph.shapes.items():
        sides = (shape.height, shape.width, shape.channels)
        if max(sides) > LARGEST_SIDE or min(sides) < 1:
            raise NotExpressible(f"{name} must have sides of 1 to {LARGEST_SIDE:,}; got {sides}")
