"""A detection dataset ready to train on: its three parts, its classes, its digest."""

from netaug_core.data.counters import permutation
from netaug_core.data.dataset import Dataset
from netaug_core.data.detection.folder import digest, read_detection_folder
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.data.detection.transforms import FILL
from netaug_core.data.folder import NORMALISATION
from netaug_core.data.split import VALIDATION_SEED
from netaug_core.datasets import DatasetInfo
from netaug_core.detection.placement import Resize
from netaug_core.errors import BadData

LEAST_TRAINING = 2  # batch normalisation needs two pictures to have a variance
RESIZES: dict[Resize, str] = {
    "stretch": "the whole picture to the square, whatever its proportions",
    "letterbox": f"as large as fits, in the middle; the rest is {FILL}",
}


def open_detection(
    info: DatasetInfo, validation_fraction: float, resize: Resize
) -> Dataset[DetectionPart]:
    """Read, check and split a detection dataset.

    The split depends on the number of pictures alone, so every run sees the same.

    Args:
        info: as `datasets.find` found it.
        validation_fraction: of the training pictures, at least one of them.
        resize: one of RESIZES.

    Raises:
        BadData: it is no detection dataset, something is missing or wrong, there is one training
            picture only, or a part has nothing to find.
    """
    if info.kind != "detection" or info.location is None:
        raise BadData(
            f"data.dataset: {info.name} has labels of whole pictures, and task is detection; name "
            "a dataset in Pascal VOC's or COCO's form"
        )
    location = info.location
    dataset = read_detection_folder(location)
    total = len(dataset.train)
    if total < LEAST_TRAINING + 1:
        raise BadData(
            f"data.dataset: {info.name} has {total} training pictures; it needs at least "
            f"{LEAST_TRAINING + 1}, one of them for validation"
        )
    count = min(max(1, round(validation_fraction * total)), total - LEAST_TRAINING)
    order = permutation(VALIDATION_SEED, 0, total)
    order[:count].sort()
    order[count:].sort()
    opened = Dataset(
        name=info.name,
        digest=digest(location, dataset),
        class_names=dataset.class_names,
        in_channels=info.in_channels,
        train=dataset.train.take(order[count:]),
        validation=dataset.train.take(order[:count]),
        test=dataset.test,
        normalisation=NORMALISATION,
        resize=RESIZES[resize],
    )
    _check_objects(opened)
    return opened


def _check_objects(dataset: Dataset[DetectionPart]) -> None:
    """Each part needs something to find: without, it has no score."""
    parts = {"training": dataset.train, "validation": dataset.validation, "test": dataset.test}
    for name, part in parts.items():
        if not any((~annotation.ignored).any() for annotation in part.annotations):
            raise BadData(
                f"data.dataset: the {name} part of {dataset.name} has no object to find; add "
                "pictures with objects, or raise data.validation_fraction"
            )
