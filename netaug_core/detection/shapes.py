"""How large the objects of a dataset are at a network's input: what anchors are found in."""

from collections.abc import Sequence

import numpy as np

from netaug_core.detection.anchors import Shapes
from netaug_core.detection.annotation import Annotation
from netaug_core.detection.placement import PLACES, Resize

MOST_SHAPES = 100_000  # more do not move the centres of nine clusters


def object_shapes(truth: Sequence[Annotation], input_size: int, resize: Resize) -> Shapes:
    """Width and height of each object, (n, 2), in pixels of the input; of very many, every k-th.

    Objects that nobody has to find are left out.
    """
    shapes = [np.zeros((0, 2))]
    for annotation in truth:
        boxes = annotation.boxes[~annotation.ignored].astype(np.float64)
        scale = PLACES[resize](annotation.width, annotation.height, input_size).scale
        shapes.append((boxes[:, 2:] - boxes[:, :2]) * scale)
    whole = np.concatenate(shapes)
    return whole[:: max(1, -(-len(whole) // MOST_SHAPES))]
