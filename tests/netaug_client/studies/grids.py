"""A small study and rows of it, for the tests that need no server."""

from typing import Any

from netaug_client.studies.results import Row
from netaug_core.study import StudySpec

DOCUMENT: dict[str, Any] = {
    "name": "grid",
    "baseline": "plain",
    "references": ["longer"],
    "job": {
        "data": {"dataset": "digits", "batch_size": 256, "crop": "none"},
        "training": {"epochs": 1},
        "augment": None,
    },
    "models": {
        "w10": {"model": {"name": "mobilenet_v2", "width": 0.1, "input_size": 16, "stem_stride": 1}}
    },
    "methods": {
        "plain": {},
        "netaug": {"augment": {"calibration_images": 256}},
        "longer": {"training": {"epochs": 2}},
    },
    "seeds": [0, 1, 2],
}
ACCURACIES = {
    "plain": (0.80, 0.90, 0.85),
    "netaug": (0.82, 0.91, 0.88),
    "longer": (0.83, 0.90, 0.86),
}
SECONDS = {"plain": (10.0, 12.0, 11.0), "netaug": (30.0, 36.0, 33.0), "longer": (22.0, 22.0, 22.0)}


def study(**changes: object) -> StudySpec:
    return StudySpec.model_validate({**DOCUMENT, **changes})


def row(method: str, seed: int, **changes: Any) -> Row:
    values: dict[str, Any] = {
        "model": "w10",
        "method": method,
        "seed": seed,
        "status": "succeeded",
        "test_accuracy": ACCURACIES[method][seed],
        "validation_accuracy": 0.7,
        "test_loss": 0.5,
        "best_epoch": 1,
        "epochs_run": 2 if method == "longer" else 1,
        "train_seconds": SECONDS[method][seed],
        "params": 3742,
        "macs": 1_234_567,
        "stopped_early": False,
        "job_id": f"job_{method}-{seed}",
    }
    return Row.model_validate({**values, **changes})


def rows() -> list[Row]:
    return [row(method, seed) for seed in (0, 1, 2) for method in ACCURACIES]


# Three input sizes of a detector; of `SCORES`, by method, each model's by seed.
SCENES: dict[str, Any] = {
    "name": "scenes",
    "baseline": "plain",
    "metric": "test_ap50",
    "job": {
        "task": "detection",
        "data": {"dataset": "scenes"},
        "training": {"epochs": 1},
        "augment": None,
    },
    "models": {
        f"in{size}": {"model": {"name": "mobilenet_v2", "width": 0.35, "input_size": size}}
        for size in (64, 128, 256)
    },
    "methods": {"plain": {}, "netaug": {"augment": {}}},
    "seeds": [0, 1, 2],
}
MACS = {"in64": 1_000_000, "in128": 4_000_000, "in256": 16_000_000}
SCORES = {
    "plain": {"in64": (0.2, 0.2, 0.1), "in128": (0.4, 0.4, 0.3), "in256": (0.5, 0.5, 0.35)},
    "netaug": {"in64": (0.3, 0.4, 0.2), "in128": (0.45, 0.6, 0.32), "in256": (0.6, 0.6, 0.6)},
}


def scenes_rows() -> list[Row]:
    return [
        Row(
            model=model,
            method=method,
            seed=seed,
            status="succeeded",
            test_ap50=scores[model][seed],
            test_ap=scores[model][seed] / 2,
            validation_ap50=0.3,
            epochs_run=1,
            train_seconds=10.0,
            params=100_000,
            macs=MACS[model],
        )
        for seed in (0, 1, 2)
        for model in MACS
        for method, scores in SCORES.items()
    ]
