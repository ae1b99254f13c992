"""Do the weights that a spec names fit it? What can be known at submit; the trainer checks all."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from jobs import queries, sources
from jobs.errors import JobNotFound, Refusal
from jobs.records import Job
from jobs.states import JobStatus
from netaug_core import cost, datasets, weights
from netaug_core.architectures import Architecture
from netaug_core.datasets import DatasetInfo
from netaug_core.errors import BadData, BadSpec
from netaug_core.graph import building
from netaug_core.sections.detection import DetectionSpec
from netaug_core.sections.model import ModelSpec
from netaug_core.spec import JobSpec
from netaug_core.weights import PRETRAINED, WeightsFile

STEM = "stem.conv.weight"
LEVELS = "levels."  # of a detector alone
CLASSIFIER = "classifier"


@dataclass(frozen=True)
class Trained:
    """What is known of the network behind a reference; None: not before it is loaded."""

    is_detector: bool
    in_channels: int | None
    num_classes: int | None
    model: ModelSpec | None = None
    detection: DetectionSpec | None = None


def check(
    connection: sa.Connection,
    spec: JobSpec,
    dataset: DatasetInfo | None,
    *,
    tenant: str,
    data_roots: Sequence[Path],
) -> list[Refusal]:
    """Why the weights that a spec names cannot be used, as far as that is known by now."""
    refusals: list[Refusal] = []
    for field, reference in weights.references(spec.pretrained, spec.distillation):
        try:
            trained = _look_up(connection, field, reference, tenant, data_roots)
            if dataset is not None:
                refusals += _misfits(spec, field, reference, trained, dataset)
        except BadSpec as error:
            refusals.append(Refusal(sources.pointer(field), str(error)))
    return refusals


def _look_up(
    connection: sa.Connection, field: str, reference: str, tenant: str, data_roots: Sequence[Path]
) -> Trained:
    if weights.is_job(reference):
        job = _succeeded(connection, field, reference, tenant)
        return _of_job(connection, job, data_roots)
    return _of_file(weights.find(reference, field=field, roots=data_roots, inputs=None))


def _succeeded(connection: sa.Connection, field: str, job_id: str, tenant: str) -> Job:
    try:
        job = queries.get_job(connection, tenant, job_id)
    except JobNotFound as error:
        raise BadSpec(
            f"{field}: there is no job {job_id}; `GET /v1/jobs?status=succeeded` lists yours that "
            "have a model"
        ) from error
    if job.status is not JobStatus.SUCCEEDED:
        remedy = "name one that has succeeded" if job.status.is_final else "wait for its success"
        raise BadSpec(f"{field}: job {job_id} is {job.status}, so it has no model; {remedy}")
    return job


def _of_job(connection: sa.Connection, job: Job, data_roots: Sequence[Path]) -> Trained:
    section = job.spec.get("detection")
    try:
        in_channels = datasets.find(job.dataset, data_roots).in_channels
    except BadData:  # it may have been removed since; the model is there
        in_channels = None
    return Trained(
        section is not None,
        in_channels,
        _classes_seen(connection, job),
        ModelSpec.model_validate(job.spec["model"]),
        None if section is None else DetectionSpec.model_validate(section),
    )


def _classes_seen(connection: sa.Connection, job: Job) -> int | None:
    """Those of the data that the job read: a folder may have others by now."""
    seen = None
    for attempt in queries.list_attempts(connection, job.id):
        facts = (attempt.environment or {}).get("dataset")
        seen = seen if facts is None else int(facts["num_classes"])
    return seen


def _of_file(file: WeightsFile) -> Trained:
    tensors, classes = file.header.tensors, file.class_names
    stem = tensors.get(STEM)
    in_channels = stem.shape[1] if stem is not None and len(stem.shape) == 4 else None
    is_detector = any(name.startswith(LEVELS) for name in tensors)
    return Trained(is_detector, in_channels, None if classes is None else len(classes))


def _misfits(
    spec: JobSpec, field: str, reference: str, trained: Trained, dataset: DatasetInfo
) -> Iterator[Refusal]:
    def refuse(sentence: str) -> Refusal:
        return Refusal(sources.pointer(field), f"{field}: {reference} {sentence}")

    wrong_task = _wrong_task(spec, field, trained)
    if wrong_task is not None:
        yield refuse(wrong_task)
        return
    if trained.in_channels not in (None, dataset.in_channels):
        yield refuse(
            f"reads pictures of {trained.in_channels} channels, those of {dataset.name} have "
            f"{dataset.in_channels}; name a network that was trained on such pictures"
        )
    if _needs_classes(spec, field) and trained.num_classes not in (None, dataset.num_classes):
        remedy = "set pretrained.head to new" if field == PRETRAINED else "name another teacher"
        yield refuse(
            f"knows {trained.num_classes} classes, {dataset.name} has {dataset.num_classes}; "
            f"{remedy}"
        )
    if field == PRETRAINED and trained.model is not None:
        layer = _other_layer(spec, trained.model, trained.detection)
        if layer is not None:
            whole_detector = spec.detection is not None and _keeps_head(spec)
            sections = "model and detection sections" if whole_detector else "model section"
            yield refuse(
                f"is another network ({trained.model.name}), whose {layer} has another shape; "
                f"use its {sections}"
            )


def _wrong_task(spec: JobSpec, field: str, trained: Trained) -> str | None:
    """Why this field cannot name a network of that task; None if it can."""
    if spec.task == "detection":
        if trained.is_detector or not _keeps_head(spec):
            return None
        return "is a classifier, which has no detector's head to keep; set pretrained.head to new"
    if not trained.is_detector:
        return None
    role = "starts from" if field == PRETRAINED else "learns from"
    return f"is a detector, and a classifier {role} a classifier; name one of task classification"


def _needs_classes(spec: JobSpec, field: str) -> bool:
    return field != PRETRAINED or _keeps_head(spec)


def _keeps_head(spec: JobSpec) -> bool:
    return spec.pretrained is not None and spec.pretrained.head == "keep"


def _other_layer(spec: JobSpec, model: ModelSpec, detection: DetectionSpec | None) -> str | None:
    """The first layer whose weights cannot fit; None if all that are loaded may."""
    is_loaded = _loaded_layers(spec)
    mine, other = _params(spec.model, spec.detection), _params(model, detection)
    names = filter(is_loaded, dict.fromkeys([*mine, *other]))
    return next((name for name in names if mine.get(name) != other.get(name)), None)


def _loaded_layers(spec: JobSpec) -> Callable[[str], bool]:
    """Which layers a spec takes from other weights, by name."""
    if spec.detection is None:
        return lambda name: name != CLASSIFIER
    if _keeps_head(spec):
        return lambda _: True
    # What follows the last block that the detector reads stays out.
    detector = spec.detection.table(_architecture(spec.model))
    blocks = (f"blocks.{index}." for index in range(len(detector.backbone.blocks)))
    backbone = ("stem", *blocks)
    return lambda name: name.startswith(backbone)


def _params(model: ModelSpec, detection: DetectionSpec | None) -> dict[str, int]:
    network = _architecture(model)
    table = network if detection is None else detection.table(network)
    return cost.params(table, building.of_table(table, model.input_size))


def _architecture(model: ModelSpec) -> Architecture:
    # The classes and the pictures' channels are judged for themselves.
    return model.architecture(num_classes=2, in_channels=3)
