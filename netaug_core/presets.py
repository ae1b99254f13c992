"""Named recipes: parts of a spec under a name. Torch-free data.

`paper/<model>` is the reference code's recipe for ImageNet with NetAug, and
`transfer/<dataset>/<model>` its recipe for fine-tuning. Rates are for the stated batch size.
"""

from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticCustomError

Document = dict[str, Any]
PRESETS: dict[str, Document] = {}


def fill_in(document: object) -> object:
    """A spec's document on top of the preset that it names. Anything else is given back as it is.

    Raises:
        PydanticCustomError: there is no such preset.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("preset"), str):
        return document
    name = document["preset"]
    if name not in PRESETS:
        raise PydanticCustomError(
            "unknown_preset",
            "preset: there is no preset {name}; choose one of {choices}",
            {"name": name[:100], "choices": ", ".join(sorted(PRESETS))},
        )
    return merge(PRESETS[name], document)


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Document:
    """`above` over `below`, mapping by mapping; whatever else `above` has, null too, replaces."""
    merged = dict(below)
    for key, value in above.items():
        lower = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(lower, Mapping)
        merged[key] = merge(lower, value) if both and lower is not None else value
    return merged
