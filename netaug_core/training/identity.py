"""What a checkpoint belongs to: resuming another run's would train something nobody asked for."""

import hashlib
import json

from netaug_core.data.dataset import Dataset
from netaug_core.errors import BadData, CheckpointUnusable
from netaug_core.spec import JobSpec

TRAINED_SECTIONS = (
    *("task", "model", "data", "augment", "training"),
    *("pretrained", "distillation", "control"),
)


def spec_hash(spec: JobSpec) -> str:
    """SHA-256 over what decides the weights: not the name, tags or resources."""
    document = spec.model_dump(mode="json", include=set(TRAINED_SECTIONS))
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def identity(spec: JobSpec, dataset: Dataset) -> dict[str, str]:
    return {"spec_hash": spec_hash(spec), "dataset_digest": dataset.digest}


def check(found: dict[str, str], spec: JobSpec, dataset: Dataset) -> None:
    """Compare a checkpoint's identity with this run's.

    Raises:
        CheckpointUnusable: it was written for another spec.
        BadData: the dataset has changed since.
    """
    if found["spec_hash"] != spec_hash(spec):
        raise CheckpointUnusable(
            "--resume: the checkpoint belongs to another spec (its model, data, augment, "
            "training, pretrained, distillation or control differs); resume with the spec it was "
            "written for"
        )
    if found["dataset_digest"] != dataset.digest:
        raise BadData(
            f"data.dataset: {dataset.name} has changed since the checkpoint was written: its "
            f"digest is {dataset.digest}, it was {found['dataset_digest']}; restore the data, "
            "or start anew"
        )
