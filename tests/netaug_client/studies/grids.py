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
