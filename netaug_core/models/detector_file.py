"""model.safetensors of a detector: its weights, with all that is needed to rebuild it."""

import json
from pathlib import Path

from pydantic import TypeAdapter

from netaug_core.detectors.table import Detector, Level
from netaug_core.models import tensors_file
from netaug_core.models.detector import DetectionNetwork, build

_LEVELS = TypeAdapter(tuple[Level, ...])
KEY = "detector"


def write(path: Path, network: DetectionNetwork, facts: dict[str, str]) -> None:
    """`facts` are further metadata: input size, class names, anchors, preprocessing."""
    tensors_file.save(path, network, {KEY: to_json(network.architecture), **facts})


def read(path: Path) -> DetectionNetwork:
    """Rebuild the network from the file alone.

    Raises:
        ExportMismatch: the file is damaged, or its tensors do not fit its table.
    """
    return tensors_file.rebuild(path, lambda metadata: build(from_json(metadata[KEY])))


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
