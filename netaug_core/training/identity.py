"""What a checkpoint belongs to: resuming another run's would train something nobody asked for."""

import hashlib
import json
from typing import Any

from netaug_core.data.dataset import Dataset
from netaug_core.errors import BadData, BadSpec, CheckpointUnusable
from netaug_core.spec import JobSpec
from netaug_core.weights import Inputs

TRAINED_SECTIONS = (
    *("task", "model", "detection", "data", "augment", "training"),
    *("pretrained", "distillation", "control"),
)


def spec_hash(spec: JobSpec) -> str:
    """SHA-256 over what decides the weights: not the name, tags or resources.

    Defaults are left out: a field that a later version adds does not part it from its checkpoints.
    """
    document = spec.model_dump(mode="json", include=set(TRAINED_SECTIONS), exclude_defaults=True)
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def identity(spec: JobSpec, dataset: Dataset[Any], inputs: Inputs) -> dict[str, str]:
    """What decides the weights: the spec, and the content of every file that it names."""
    files = {field: source["sha256"] for field, source in inputs.lineage().items()}
    return {"spec_hash": spec_hash(spec), "dataset_digest": dataset.digest, **files}


def check(found: dict[str, str], ours: dict[str, str], dataset: Dataset[Any]) -> None:
    """Compare a checkpoint's identity with this run's.

    Raises:
        CheckpointUnusable: it was written for another spec.
        BadData: the dataset has changed since.
        BadSpec: the file of a pretrained network or a teacher has.
    """
    if found["spec_hash"] != ours["spec_hash"]:
        raise CheckpointUnusable(
            "--resume: the checkpoint belongs to another spec (its model, data, augment, "
            "training, pretrained, distillation or control differs); resume with the spec it was "
            "written for"
        )
    if found["dataset_digest"] != ours["dataset_digest"]:
        raise BadData(
            f"data.dataset: {dataset.name} has changed since the checkpoint was written: its "
            f"digest is {ours['dataset_digest']}, it was {found['dataset_digest']}; restore the "
            "data, or start anew"
        )
    for field in ours.keys() - {"spec_hash", "dataset_digest"}:
        if found.get(field) != ours[field]:
            raise BadSpec(
                f"{field}: the file has changed since the checkpoint was written: its SHA-256 is "
                f"{ours[field]}, it was {found.get(field)}; restore the file, or start anew"
            )
