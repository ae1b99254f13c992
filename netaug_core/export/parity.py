"""How far an exported file may differ from what was trained."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from netaug_core.export import layers

Array: TypeAlias = NDArray[np.float32]
# On outputs up to 1; larger ones may differ in proportion, since float32 rounds in proportion. Half
# trained networks have logits of hundreds, of which no two summation orders agree to 1e-4.
TOLERANCE = 1e-4


def tolerance(expected: Array) -> float:
    """The largest difference that outputs of this size may have."""
    return TOLERANCE * max(1.0, float(np.abs(expected).max()))


def first_difference(found: layers.Outputs, expected: layers.Outputs) -> str | None:
    """The first layer in running order whose output differs, scaled by its largest value."""
    for name, values in expected.items():
        if name not in found:
            continue
        if not np.abs(found[name] - values).max() <= tolerance(values):
            return name
    return None
