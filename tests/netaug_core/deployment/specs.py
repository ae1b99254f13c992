"""Specs with a target."""

from typing import Any

from netaug_core.spec import JobSpec

DATA = {"dataset": "digits"}
TRAINING = {"epochs": 1, "learning_rate": 0.1}


def spec(target: dict[str, Any] | None, *, model: dict[str, Any], **sections: Any) -> JobSpec:
    document = {"model": model, "data": DATA, "training": TRAINING, "target": target}
    return JobSpec.model_validate({**document, **sections})
