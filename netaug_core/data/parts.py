"""What a reader makes of a dataset on disk: pictures, labels, pixel statistics."""

from dataclasses import dataclass

from netaug_core.data.counters import Indices
from netaug_core.data.sources import ImageSource


@dataclass(frozen=True)
class Part:
    """Pictures with labels. `indices` are positions in the source, `labels` belong to them."""

    source: ImageSource
    indices: Indices
    labels: Indices

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, positions: Indices) -> "Part":
        return Part(self.source, self.indices[positions], self.labels[positions])


@dataclass(frozen=True)
class Normalisation:
    """Pixels 0..1 minus `mean`, divided by `std`, for each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class RawDataset:
    """What a reader finds on disk, before the validation part is taken away."""

    class_names: tuple[str, ...]
    train: Part
    test: Part
    normalisation: Normalisation
    resize: str = "the whole picture, bilinear"
    digest: str | None = None  # a folder's is taken apart: it reads every file
