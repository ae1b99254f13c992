"""Do the weights that a spec names fit it? What can be known at submit; the trainer checks all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from jobs import queries, sources
from jobs.errors import JobNotFound, Refusal
from jobs.records import Job
from jobs.states import JobStatus
from netaug_core import cost, datasets, weights
from netaug_core.datasets import DatasetInfo
from netaug_core.errors import BadData, BadSpec
from netaug_core.sections.model import ModelSpec
from netaug_core.spec import JobSpec
from netaug_core.weights import PRETRAINED, WeightsFile

STEM = "stem.conv.weight"


@dataclass(frozen=True)
class Trained:
    """What is known of the network behind a reference; None: not before it is loaded."""

    in_channels: int | None
    num_classes: int | None
    model: ModelSpec | None = None


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
        return _of_job(_succeeded(connection, field, reference, tenant), data_roots)
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


def _of_job(job: Job, data_roots: Sequence[Path]) -> Trained:
    model = ModelSpec.model_validate(job.spec["model"])
    try:
        dataset = datasets.find(job.dataset, data_roots)
    except BadData:  # it may have been removed since; the model is there
        return Trained(None, None, model)
    # A folder may have other classes by now than when the job read it.
    num_classes = dataset.num_classes if dataset.kind == "builtin" else None
    return Trained(dataset.in_channels, num_classes, model)


def _of_file(file: WeightsFile) -> Trained:
    stem = file.header.tensors.get(STEM)
    in_channels = stem.shape[1] if stem is not None and len(stem.shape) == 4 else None
    classes = file.class_names
    return Trained(in_channels, None if classes is None else len(classes))


def _misfits(
    spec: JobSpec, field: str, reference: str, trained: Trained, dataset: DatasetInfo
) -> Iterator[Refusal]:
    def refuse(sentence: str) -> Refusal:
        return Refusal(sources.pointer(field), f"{field}: {reference} {sentence}")

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
        layer = _other_layer(spec.model, trained.model)
        if layer is not None:
            yield refuse(
                f"is another network ({trained.model.name}), whose {layer} has another shape; "
                "use its model section"
            )


def _needs_classes(spec: JobSpec, field: str) -> bool:
    kept = spec.pretrained is not None and spec.pretrained.head == "keep"
    return field != PRETRAINED or kept


def _other_layer(ours: ModelSpec, theirs: ModelSpec) -> str | None:
    """The first layer whose weights cannot fit; None if all before the classifier may."""
    mine, other = _params(ours), _params(theirs)
    names = dict.fromkeys([*mine, *other])
    return next((name for name in names if mine.get(name) != other.get(name)), None)


def _params(model: ModelSpec) -> dict[str, int]:
    architecture = model.architecture(num_classes=2, in_channels=3)
    operations = cost.trace(architecture, model.input_size)
    return {one.name: one.params for one in operations if one.name != "classifier"}
