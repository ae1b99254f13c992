"""Whether a detector can be trained as a spec asks, told before any training. Torch-free."""

from typing import Any

from pydantic_core import PydanticCustomError

from netaug_core import feasibility
from netaug_core.architectures import Architecture
from netaug_core.detectors.table import Detector
from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.detection import DetectionSpec
from netaug_core.sections.fields import Section

# What means nothing to a detector, by section.
OF_CLASSIFICATION = {
    "model": ("dropout", "drop_path", "drop_block", "drop_block_size"),
    "data": (
        *("preparation", "crop", "brightness", "saturation"),
        *("auto_augment", "rand_augment", "mixup", "cutmix"),
    ),
    "augment": ("distill", "distill_temperature"),
    "training": ("label_smoothing",),
}
REMEDIES = {
    "crop": "set detection.crop",
    "brightness": "set detection.colours",
    "saturation": "set detection.colours",
    "mixup": "see detection.mosaic",
}


def check_task(task: str, detection: DetectionSpec | None, sections: dict[str, Any]) -> None:
    """Judge whether the sections of a spec belong to its task.

    Args:
        task: its name.
        detection: the section.
        sections: the others, by name.

    Raises:
        PydanticCustomError: one says something that the task does not know.
    """
    if task != "detection":
        if detection is not None:
            raise PydanticCustomError(
                "detection_of_another_task",
                "detection is given, and task is {task}: set task to detection, or leave "
                "detection out",
                {"task": task},
            )
        return
    if detection is None:
        raise PydanticCustomError(
            "detection_without_section",
            "task is detection, and detection is null: leave it out for the paper's detector",
            {},
        )
    if sections.get("distillation") is not None:
        raise PydanticCustomError(
            "distillation_of_detector",
            "distillation is for classification, and task is detection: set it to null",
            {},
        )
    for name, fields in OF_CLASSIFICATION.items():
        _check_untouched(name, sections[name], fields)


def check(
    detector: Detector, detection: DetectionSpec, size: int, augment: AugmentSpec | None
) -> None:
    """Judge the detector and the sizes of its input.

    Raises:
        PydanticCustomError: a size does not fit the scales.
    """
    _check_size(detector, size, "model.input_size")
    for index, side in enumerate(detection.sides):
        _check_size(detector, side, f"detection.sides.{index}")
    if augment is None or augment.input_scale == 1:
        return
    for side in detection.sides or (size,):
        scaled = feasibility.augmented_input_size(side, augment)
        _check_size(detector, scaled, f"augment.input_scale x {side}")


def on_backbone(detection: DetectionSpec, network: Architecture) -> Detector:
    """The detector on a network.

    Raises:
        PydanticCustomError: the network has no blocks at a stride that the detector reads.
    """
    try:
        return detection.table(network)
    except ValueError as error:
        raise PydanticCustomError(
            "no_backbone",
            "model: {name} cannot be the backbone of {detector}: {reason}",
            {"name": network.name, "detector": detection.detector, "reason": str(error)},
        ) from error


def _check_size(detector: Detector, size: int, field: str) -> None:
    try:
        detector.grids(size)
    except ValueError as error:
        raise PydanticCustomError(
            "detector_input_size",
            "{field}: {reason}",
            {"field": field, "reason": str(error).removeprefix("input_size ")},
        ) from error


def _check_untouched(name: str, section: Section | None, fields: tuple[str, ...]) -> None:
    if section is None:
        return
    for field in fields:
        default = type(section).model_fields[field].get_default()
        if getattr(section, field) != default:
            raise PydanticCustomError(
                "field_of_classification",
                "{section}.{field} is for classification, and task is detection: leave it out, or "
                "set it to {default} where a preset says otherwise{remedy}",
                {
                    "section": name,
                    "field": field,
                    "default": "null" if default is None else str(default),
                    "remedy": f"; {REMEDIES[field]}" if field in REMEDIES else "",
                },
            )
