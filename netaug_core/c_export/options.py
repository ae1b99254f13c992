"""What a bundle has besides the network."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from netaug_core.c_export import identifiers
from netaug_core.c_export.errors import NotExpressible
from netaug_core.graph.operations import IMAGE, Graph

Values: TypeAlias = NDArray[np.int8] | NDArray[np.float32]


@dataclass(frozen=True)
class Golden:
    """Inputs and what they must give; N images.

    Attributes:
        images: (N, H, W, C), as the network reads them.
        answers: (N, H, W, C) of each of the graph's outputs, in its order.
        reference: who computed them, for a reader.
        tolerance: of a value; 0 for integers.
    """

    images: Values
    answers: tuple[Values, ...]
    reference: str = "the integer reference"
    tolerance: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """A bundle's choices.

    Attributes:
        golden: for the self-test.
        prefix: every name of the network's code begins with it.
        title: of the network, for a reader.
        labels: the classes' names; empty: the code has none.
        tables: (C, 256), what the network reads for a byte of each channel; None: no preprocessing.
        extra_files: text by name, as the model card; they join the bundle as they are.
    """

    golden: Golden
    prefix: str = "netaug"
    title: str = "network"
    labels: tuple[str, ...] = ()
    tables: Values | None = None
    extra_files: tuple[tuple[str, str], ...] = ()


def check(options: Options, graph: Graph) -> None:
    """Raise BadIdentifier or NotExpressible where the options do not fit the network."""
    identifiers.check_prefix(options.prefix)
    image, golden = graph.shapes[IMAGE], options.golden
    wanted = [image, *(graph.shapes[name] for name in graph.outputs)]
    count = len(golden.images)
    shapes = [(count, one.height, one.width, one.channels) for one in wanted]
    got = [golden.images.shape, *(one.shape for one in golden.answers)]
    if got != shapes or not count:
        raise NotExpressible(f"golden images and answers must have the shapes {shapes}; got {got}")
    if options.tables is not None and options.tables.shape != (image.channels, 256):
        raise NotExpressible(f"tables must be ({image.channels}, 256); got {options.tables.shape}")
