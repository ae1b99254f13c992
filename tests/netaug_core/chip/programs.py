"""Random networks as programs, with the images they run on and what must come out."""

from dataclasses import dataclass

import numpy as np

from netaug_core.c_export.options import Golden, Options, Values
from netaug_core.chip import program
from netaug_core.chip.program import Program
from netaug_core.graph import execution
from netaug_core.graph.operations import Graph
from netaug_core.quantized import reference
from tests.netaug_core.c_export import models

IMAGES, GOLDEN = 4, 2


@dataclass(frozen=True)
class Case:
    program: Program
    images: Values
    expected: tuple[Values, ...]


def integers(graph: Graph, *, prefix: str = "netaug") -> Case:
    model, images = models.quantized(graph), models.images(graph, IMAGES)
    expected = tuple(reference.answers(model, images))
    golden = Golden(images[:GOLDEN], tuple(one[:GOLDEN] for one in expected))
    return Case(program.of(model, Options(golden=golden, prefix=prefix)), images, expected)


def floats(graph: Graph) -> Case:
    model = models.folded(graph)
    images = models.images(graph, IMAGES).astype(np.float32) / 64
    expected = tuple(execution.answers(model, images))
    scale = max(float(np.abs(one).max()) for one in expected)
    golden = Golden(
        images[:GOLDEN],
        tuple(one[:GOLDEN] for one in expected),
        reference="the float32 reference",
        tolerance=1e-5 * scale,  # sums in another order
    )
    return Case(program.of(model, Options(golden=golden)), images, expected)
