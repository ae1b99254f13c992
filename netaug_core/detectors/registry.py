"""The detectors that a spec can name."""

from netaug_core.architectures import Architecture
from netaug_core.detectors.ssdlite import ssdlite
from netaug_core.detectors.table import Detector, Kind
from netaug_core.detectors.yolov3 import yolov3


def build(kind: Kind, network: Architecture, *, width: float = 1.0) -> Detector:
    """The detector on a classifier's network, whose classes are those of the objects.

    Args:
        kind: which detector.
        network: the classifier's; what follows its last tapped block is left out.
        width: of the layers that ssdlite adds; yolov3 has its own at any width of the backbone.

    Raises:
        ValueError: the network has no blocks at one of the strides that are read.
    """
    return yolov3(network) if kind == "yolov3" else ssdlite(network, width=width)
