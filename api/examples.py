"""Examples for the OpenAPI document."""

from typing import Any

JOB_SPEC: dict[str, Any] = {
    "name": "digits",
    "tags": ["example"],
    "model": {"name": "mobilenet_v2", "width": 0.35, "input_size": 28, "stem_stride": 1},
    "data": {"dataset": "digits", "batch_size": 64},
    "training": {"epochs": 12, "warmup_epochs": 1, "learning_rate": 0.1},
}
