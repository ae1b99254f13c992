"""What the supernet must know of a kind of network: how to make one, and how it is augmented."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol

from torch import Generator
from typing_extensions import TypeVar  # of typing, from Python 3.13: with defaults

from netaug_core import widths
from netaug_core.architectures import Architecture
from netaug_core.detectors import widths as detector_widths
from netaug_core.detectors.table import Detector
from netaug_core.models.blocks import PLAIN, Layers
from netaug_core.models.detector import DetectionNetwork, initialise_detector
from netaug_core.models.network import Initialisation, Network, initialise
from netaug_core.widths import Choice, Multipliers

Table = TypeVar("Table", Architecture, Detector, default=Architecture)
Net = TypeVar("Net", Network, DetectionNetwork, default=Network)


class Augmented(Protocol[Table]):
    """One augmented net of a network, as a table."""

    def __call__(
        self,
        base: Table,
        whole: Table,
        multipliers: Multipliers,
        *,
        choose_width: Choice,
        choose_expand: Choice,
    ) -> Table: ...


@dataclass(frozen=True)
class Kind(Generic[Table, Net]):
    """A kind of network."""

    make: Callable[[Table, Layers], Net]
    initialise: Callable[[Net, Generator, Initialisation], None]
    augmented: Augmented[Table]

    def build(self, table: Table, generator: Generator, method: Initialisation) -> Net:
        """The plain network, initialised."""
        network = self.make(table, PLAIN)
        self.initialise(network, generator, method)
        return network


CLASSIFIER = Kind[Architecture, Network](Network, initialise, widths.augmented)


def detector(*, widen_neck: bool) -> Kind[Detector, DetectionNetwork]:
    """Detectors, whose neck and heads may be augmented as their backbone is."""
    augmented = partial(detector_widths.augmented, widen_neck=widen_neck)
    return Kind[Detector, DetectionNetwork](DetectionNetwork, initialise_detector, augmented)


def kind_of(table: Architecture | Detector, *, widen_neck: bool) -> Kind[Any, Any]:
    """The kind of a table's network."""
    return detector(widen_neck=widen_neck) if isinstance(table, Detector) else CLASSIFIER
