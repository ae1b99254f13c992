"""A bundle from model_int8.safetensors."""

import numpy as np
from numpy.typing import NDArray

from netaug_core.c_export.options import Golden, Options
from netaug_core.graph.operations import IMAGE, Graph
from netaug_core.quantized import preprocessing, reference
from netaug_core.quantized.file import QuantizedFile

Pictures = NDArray[np.uint8]


def options(content: QuantizedFile, pictures: Pictures, *, prefix: str, title: str) -> Options:
    """With the file's labels and preprocessing; `pictures` (N, H, W, C) become golden vectors."""
    images = preprocessing.integers(content.tables, pictures)
    return Options(
        golden=Golden(images, tuple(reference.answers(content.model, images))),
        prefix=prefix,
        title=title,
        labels=content.class_names,
        tables=content.tables,
    )


def noise(graph: Graph, count: int) -> Pictures:
    """(count, H, W, C) pictures of random bytes, the same ones each time."""
    shape = graph.shapes[IMAGE]
    size = (count, shape.height, shape.width, shape.channels)
    return np.random.default_rng(0).integers(0, 256, size, np.uint8)
