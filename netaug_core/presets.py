"""Named recipes: parts of a spec under a name. Torch-free data.

`paper/<model>` is the reference code's recipe for ImageNet with NetAug, and
`transfer/<dataset>/<model>` its recipe for fine-tuning. Rates are for the stated batch size.
Source: the reference code's configuration files; what it tuned, it tuned on the evaluated images.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

Document = dict[str, Any]

IMAGENET_BATCH = 2048
TRANSFER_BATCH = 256
WEIGHT_DECAY = 4e-5
EXPAND_MULTIPLIERS = [1.0, 1.6, 2.2, 2.8]
TWO_WEEKS_S = 14 * 86_400  # ImageNet takes days on one GPU; the default limit is a day


@dataclass(frozen=True)
class Recipe:
    """What differs between the five networks of the paper.

    Attributes:
        rate: peak learning rate on ImageNet, for a batch of 2048.
        warmup_start: the rate of the first step, relative to the peak.
    """

    model: Document
    width_multipliers: list[float]
    rate: float = 0.4
    warmup_start: float = 1 / 16
    weight_decay: float = WEIGHT_DECAY


RECIPES = {
    "mobilenet_v2_tiny": Recipe({"input_size": 144}, [1.0, 1.8, 2.6]),
    "mobilenet_v2": Recipe({"width": 0.35, "input_size": 160}, [1.0, 1.8, 2.6]),
    "mobilenet_v3": Recipe(
        {"width": 0.35, "input_size": 160}, [1.0, 2.0, 3.0], rate=1.6, weight_decay=3e-5
    ),
    "proxylessnas_mobile": Recipe({"width": 0.35, "input_size": 160}, [1.0, 1.8, 2.6]),
    "mcunet": Recipe({"input_size": 176}, [1.0, 1.6, 2.2], warmup_start=1 / 32),
}

TRANSFER_DATASETS = ("cars", "cub200", "flowers102", "food101", "pets")
# Rate of one of the reference's 4 processes, and dropout, in the order of the datasets above.
TRANSFER_RATES: dict[str, tuple[tuple[float, float], ...]] = {
    "mobilenet_v2_tiny": ((0.14, 0.2), (0.04, 0.5), (0.08, 0.0), (0.06, 0.1), (0.06, 0.1)),
    "mobilenet_v2": ((0.18, 0.5), (0.02, 0.7), (0.08, 0.3), (0.10, 0.2), (0.01, 0.4)),
    "mobilenet_v3": ((0.10, 0.7), (0.02, 0.8), (0.05, 0.6), (0.20, 0.2), (0.01, 0.8)),
    "proxylessnas_mobile": ((0.20, 0.2), (0.04, 0.7), (0.06, 0.2), (0.10, 0.2), (0.01, 0.8)),
    "mcunet": ((0.25, 0.1), (0.08, 0.6), (0.05, 0.4), (0.04, 0.1), (0.01, 0.6)),
}
TRANSFER_PROCESSES = 4


def _data(dataset: str, batch_size: int) -> Document:
    return {
        "dataset": dataset,
        "batch_size": batch_size,
        "crop": "resized",
        "horizontal_flip": True,
        "brightness": 32 / 255,
        "saturation": 0.5,
    }


def _paper(name: str, recipe: Recipe) -> Document:
    return {
        "model": {"name": name, **recipe.model},
        # The reference picks the epoch on the test images; here a hundredth of the others is kept.
        "data": {**_data("imagenet", IMAGENET_BATCH), "validation_fraction": 0.01},
        "augment": {
            "width_multipliers": recipe.width_multipliers,
            "expand_multipliers": EXPAND_MULTIPLIERS,
            "alpha": 1.0,
            "width_until": 0.5,  # 75 of the 150 epochs after warm-up
            "expand_until": 1.0,
            "sort_channels": True,
            "sort_momentum": False,
            "calibration_images": 16_000,
        },
        "training": {
            "epochs": 155,
            "warmup_epochs": 5,
            "learning_rate": recipe.rate,
            "warmup_start": recipe.warmup_start,
            "momentum": 0.9,
            "weight_decay": recipe.weight_decay,
            "label_smoothing": 0.1,
            "initialisation": "kaiming_uniform",
        },
        "resources": {"time_limit_seconds": TWO_WEEKS_S},
    }


def _baseline(paper: Document) -> Document:
    training = {**paper["training"], "initialisation": "kaiming_fan_out"}
    return {**paper, "augment": None, "training": training}


def _transfer(name: str, dataset: str, rate: float, dropout: float) -> Document:
    recipe = RECIPES[name]
    return {
        "model": {"name": name, **recipe.model, "dropout": dropout},
        "data": _data(dataset, TRANSFER_BATCH),
        "augment": None,
        "pretrained": {"head": "new"},
        "training": {
            "epochs": 55,
            "warmup_epochs": 5,
            "learning_rate": round(rate * TRANSFER_PROCESSES, 10),
            "warmup_start": 1 / TRANSFER_PROCESSES,
            "momentum": 0.9,
            "weight_decay": recipe.weight_decay,
            "label_smoothing": 0.1,
        },
    }


def _all() -> dict[str, Document]:
    presets: dict[str, Document] = {}
    for name, recipe in RECIPES.items():
        paper = _paper(name, recipe)
        presets[f"paper/{name}"] = paper
        presets[f"paper/{name}/baseline"] = _baseline(paper)
        for dataset, (rate, dropout) in zip(TRANSFER_DATASETS, TRANSFER_RATES[name], strict=True):
            presets[f"transfer/{dataset}/{name}"] = _transfer(name, dataset, rate, dropout)
    return presets


PRESETS = _all()


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
            "preset: there is no preset {name}, the most similar is {nearest}; "
            "`netaug presets list` shows all",
            {"name": name[:100], "nearest": nearest(name)},
        )
    return merge(PRESETS[name], document)


def nearest(name: str) -> str:
    """The preset most similar to a wrong name: by whole parts of it, then by letters."""
    name = name[:100]  # comparing letters takes quadratic time
    parts = set(name.split("/"))
    letters = difflib.SequenceMatcher(b=name)

    def similarity(preset: str) -> tuple[int, float]:
        letters.set_seq1(preset)
        return len(parts.intersection(preset.split("/"))), letters.ratio()

    return max(sorted(PRESETS), key=similarity)


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Document:
    """`above` over `below`, mapping by mapping; whatever else `above` has, null too, replaces."""
    merged = dict(below)
    for key, value in above.items():
        lower = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(lower, Mapping)
        merged[key] = merge(lower, value) if both and lower is not None else value
    return merged
