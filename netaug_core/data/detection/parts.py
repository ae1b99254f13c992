"""What a reader makes of a detection dataset on disk: pictures and the objects in them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from netaug_core.data.counters import Indices
from netaug_core.detection.annotation import Annotation

Form = Literal["voc", "coco"]


@dataclass(frozen=True)
class DetectionPart:
    """Picture files, and what is in each; both in the dataset's own order."""

    paths: tuple[Path, ...]
    annotations: tuple[Annotation, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, positions: Indices) -> "DetectionPart":
        chosen = positions.tolist()
        return DetectionPart(
            tuple(self.paths[position] for position in chosen),
            tuple(self.annotations[position] for position in chosen),
        )


@dataclass(frozen=True)
class DetectionDataset:
    """Read and checked; the validation part is still in `train`.

    Attributes:
        sources: files that say what is in the pictures; with these they are the whole content.
    """

    class_names: tuple[str, ...]
    train: DetectionPart
    test: DetectionPart
    form: Form
    sources: tuple[Path, ...]
