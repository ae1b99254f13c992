"""model.safetensors of a detector: its weights, with all that is needed to rebuild it."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open

from netaug_core.detectors.table import Detector, Level, Shape
from netaug_core.errors import ExportMismatch
from netaug_core.models import tensors_file
from netaug_core.models.detector import DetectionNetwork, build

_LEVELS = TypeAdapter(tuple[Level, ...])
_ANCHORS = TypeAdapter(tuple[Shape, ...])
KEY = "detector"
READING = "detection"  # what the raw numbers mean: anchors, and what is kept


def write(path: Path, network: DetectionNetwork, facts: dict[str, str]) -> None:
    """`facts` are further metadata: input size, class names, anchors, preprocessing."""
    tensors_file.save(path, network, {KEY: to_json(network.architecture), **facts})


def read(path: Path) -> DetectionNetwork:
    """Rebuild the network from the file alone.

    Raises:
        ExportMismatch: the file is damaged, or its tensors do not fit its table.
    """

    def network_of(metadata: Mapping[str, str]) -> DetectionNetwork:
        detector = from_json(metadata[KEY])
        _check_shapes(path, detector)
        return build(detector)

    return tensors_file.rebuild(path, network_of)


def _check_shapes(path: Path, detector: Detector) -> None:
    """So that a table takes no more memory than its file has tensors for.

    Raises:
        ValueError: the file's tensors are not the detector's.
    """
    with torch.device("meta"):
        wanted = {name: list(t.shape) for name, t in build(detector).state_dict().items()}
    with safe_open(path, framework="pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  # it is no mapping
    for name, shape in wanted.items():
        if shapes.get(name) != shape:
            raise ValueError(
                f"{name} should be {shape}, by the table of the network; the file has "
                f"{shapes.get(name)}"
            )


def read_anchors(path: Path) -> tuple[Shape, ...]:
    """The anchors that a file's network answers about, in pixels of its input.

    Raises:
        ExportMismatch: it does not say them.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ExportMismatch(f"{path.name} cannot be loaded again: {error}") from error
    return anchors_of(path, metadata)


def anchors_of(path: Path, metadata: Mapping[str, str]) -> tuple[Shape, ...]:
    """The anchors in the metadata of a file, whichever its format.

    Raises:
        ExportMismatch: it does not say them.
    """
    try:
        return _ANCHORS.validate_python(json.loads(metadata[READING])["anchors"])
    except (KeyError, TypeError, ValueError) as error:
        raise ExportMismatch(f"{path.name} does not say its anchors: {error}") from error


def to_json(detector: Detector) -> str:
    """A detector's table as text."""
    return json.dumps(
        {
            "kind": detector.kind,
            "anchors_per_cell": detector.anchors_per_cell,
            "backbone": json.loads(tensors_file.to_json(detector.backbone)),
            "levels": _LEVELS.dump_python(detector.levels, mode="json"),
        }
    )


def from_json(text: str) -> Detector:
    """The table of such a text.

    Raises:
        ValueError: it is none.
    """
    document = json.loads(text)
    return Detector(
        kind=document["kind"],
        anchors_per_cell=document["anchors_per_cell"],
        backbone=tensors_file.from_json(json.dumps(document["backbone"])),
        levels=_LEVELS.validate_python(document["levels"]),
    )
