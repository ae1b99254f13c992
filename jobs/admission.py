"""Can this installation run this spec? Checked at submit, before anything is stored."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from jobs import dependencies, fit, processes
from jobs.errors import Refusal, SpecRefused
from netaug_core import cost, datasets
from netaug_core.cost import Cost
from netaug_core.datasets import DatasetInfo
from netaug_core.deployment import verdicts
from netaug_core.deployment.verdicts import Report
from netaug_core.errors import BadData
from netaug_core.sections.detection import DetectionSpec
from netaug_core.sections.model import ModelSpec
from netaug_core.spec import JobSpec

# While no worker has reported itself, a spec may still be queued if it asks for no more than this.
GPUS_WITHOUT_WORKERS = 1


@dataclass(frozen=True)
class Admission:
    """A spec that can run, with the dataset it names and what its tiny network costs."""

    dataset: DatasetInfo
    cost: Cost

    def cost_facts(self) -> dict[str, Any]:
        """The cost as JSON."""
        return asdict(self.cost)


def admit(
    connection: sa.Connection, spec: JobSpec, data_roots: Sequence[Path], *, tenant: str
) -> Admission:
    """Look up what the spec names, for a tenant: its own jobs are the only ones it may name.

    Raises:
        SpecRefused: each reason with its field and remedy.
    """
    refusals: list[Refusal] = []
    dataset = _find_dataset(spec, data_roots, refusals)
    refusals += fit.check(connection, spec, dataset, tenant=tenant, data_roots=data_roots)
    refusals += dependencies.hold(connection, tenant, spec.resources.after).refusals
    _check_gpus(connection, spec, refusals)
    refusals += _misfits(spec, dataset)
    if refusals or dataset is None:
        raise SpecRefused(refusals)
    network = _cost(spec.model, spec.detection, dataset.num_classes, dataset.in_channels)
    return Admission(dataset, network)


def report(spec: JobSpec, data_roots: Sequence[Path]) -> Report:
    """What a spec's network takes on a device, for the dataset that it names.

    Raises:
        SpecRefused: there is no such dataset.
    """
    refusals: list[Refusal] = []
    dataset = _find_dataset(spec, data_roots, refusals)
    if dataset is None:
        raise SpecRefused(refusals)
    return _report(spec, dataset)


def _report(spec: JobSpec, dataset: DatasetInfo) -> Report:
    return verdicts.report(spec, num_classes=dataset.num_classes, in_channels=dataset.in_channels)


def _misfits(spec: JobSpec, dataset: DatasetInfo | None) -> list[Refusal]:
    """Why the network is too large for a target that is to be enforced."""
    if dataset is None or spec.target is None or not spec.target.enforce:
        return []
    found = _report(spec, dataset)
    if found.verdict is None or found.verdict.fits:
        return []
    return [Refusal("/target", verdicts.explanation(found.profile, found.verdict))]


@lru_cache(maxsize=256)
def _cost(
    model: ModelSpec, detection: DetectionSpec | None, num_classes: int, in_channels: int
) -> Cost:
    network = model.architecture(num_classes=num_classes, in_channels=in_channels)
    table = network if detection is None else detection.table(network)
    return cost.measure(table, model.input_size)


def _find_dataset(
    spec: JobSpec, data_roots: Sequence[Path], refusals: list[Refusal]
) -> DatasetInfo | None:
    try:
        found = datasets.find(spec.data.dataset, data_roots)
    except BadData as error:
        refusals.append(Refusal("/data/dataset", str(error)))
        return None
    if (found.kind == "detection") == (spec.task == "detection"):
        return found
    refusals.append(Refusal("/data/dataset", _of_other_task(spec.task, found)))
    return None


def _of_other_task(task: str, dataset: DatasetInfo) -> str:
    if task == "detection":
        holds, remedy = "a label for each picture", "name one of kind detection"
    else:
        holds, remedy = "objects in boxes", "set task to detection, or name one of another kind"
    return (
        f"data.dataset: {dataset.name} has {holds}, and task is {task}; {remedy} "
        "(`netaug datasets list` shows them)"
    )


def _check_gpus(connection: sa.Connection, spec: JobSpec, refusals: list[Refusal]) -> None:
    wanted = spec.resources.gpus
    if not wanted:
        return
    most = processes.most_gpus(connection)
    if most is None and wanted > GPUS_WITHOUT_WORKERS:
        refusals.append(
            Refusal(
                "/resources/gpus",
                f"resources.gpus: {wanted} GPUs were asked for, and no worker is up to offer them; "
                f"ask for at most {GPUS_WITHOUT_WORKERS}, or start the worker first",
            )
        )
    elif most is not None and wanted > most:
        refusals.append(
            Refusal(
                "/resources/gpus",
                f"resources.gpus: {wanted} GPUs were asked for, the largest worker has {most}; "
                f"ask for at most {most}, or leave it out",
            )
        )
