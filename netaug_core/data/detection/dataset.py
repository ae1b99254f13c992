"""A detection dataset ready to train on: its three parts, its classes, its digest."""

from dataclasses import dataclass
from pathlib import Path

from netaug_core.data.counters import permutation
from netaug_core.data.detection.folder import digest, read_detection_folder
from netaug_core.data.detection.parts import DetectionPart, Form
from netaug_core.data.folder import NORMALISATION
from netaug_core.data.parts import Normalisation
from netaug_core.data.split import VALIDATION_SEED
from netaug_core.errors import BadData


@dataclass(frozen=True)
class DetectionParts:
    """The best epoch is picked on `validation`; `test` is scored once, at the end."""

    form: Form
    digest: str
    class_names: tuple[str, ...]
    train: DetectionPart
    validation: DetectionPart
    test: DetectionPart
    normalisation: Normalisation


def open_detection(location: Path, validation_fraction: float) -> DetectionParts:
    """Read, check and split the dataset in a folder.

    The split depends on the number of pictures alone, so every run sees the same.

    Args:
        location: the folder, in one of the forms that `folder` knows.
        validation_fraction: of the training pictures, at least one of them.

    Raises:
        BadData: something is missing or wrong, or there is one training picture only.
    """
    dataset = read_detection_folder(location)
    total = len(dataset.train)
    if total <= 1:
        raise BadData(
            f"data.dataset: {location} has {total} training picture; it needs at least 2, one of "
            "them for validation"
        )
    count = min(max(1, round(validation_fraction * total)), total - 1)
    order = permutation(VALIDATION_SEED, 0, total)
    order[:count].sort()
    order[count:].sort()
    return DetectionParts(
        form=dataset.form,
        digest=digest(location, dataset),
        class_names=dataset.class_names,
        train=dataset.train.take(order[count:]),
        validation=dataset.train.take(order[:count]),
        test=dataset.test,
        normalisation=NORMALISATION,
    )
