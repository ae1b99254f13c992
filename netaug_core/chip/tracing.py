"""Where the C begins to compute something else than the integer reference: the layer's name."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from netaug_core.c_export.options import Golden, Options, Values
from netaug_core.chip import program
from netaug_core.chip.program import Program
from netaug_core.quantized import reference
from netaug_core.quantized.model import QuantizedModel

# Builds and runs a program on images somewhere; what it answered.
Run: TypeAlias = Callable[[Program, Values], tuple[Values, ...]]


def first_difference(model: QuantizedModel, images: Values, run: Run) -> str | None:
    """The first layer whose tensor is not the reference's; None if all are.

    The network is built once more, with every tensor as an output. None for a network whose
    answers were wrong means: each layer is right by itself, and the fault is in how they share
    the arena.
    """
    names = tuple(operation.name for operation in model.graph.operations)
    whole = replace(model, graph=replace(model.graph, outputs=names))
    expected = reference.answers(whole, images.astype(np.int8))
    golden = Golden(images[:1], tuple(one[:1] for one in expected))
    found = run(program.of(whole, Options(golden=golden)), images)
    pairs = zip(names, found, expected, strict=True)
    return next((name for name, one, other in pairs if not np.array_equal(one, other)), None)
