"""The families that a spec can name."""

from collections.abc import Callable
from dataclasses import dataclass

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.families.mcunet import mcunet
from netaug_core.families.mobilenet_v2 import TINY_WIDTH, mobilenet_v2, mobilenet_v2_tiny
from netaug_core.families.mobilenet_v3 import mobilenet_v3
from netaug_core.families.proxylessnas import proxylessnas_mobile
from netaug_core.families.resnet import resnet18, resnet50

PAPER_WIDTH = 0.35  # of the families of any width in the NetAug paper


@dataclass(frozen=True)
class Family:
    """One family.

    Attributes:
        width: what a spec without a width gets.
        is_fixed: no other width exists.
    """

    build: Callable[[ModelOptions], Architecture]
    width: float
    is_fixed: bool = False


FAMILIES = {
    "mobilenet_v2": Family(mobilenet_v2, PAPER_WIDTH),
    "mobilenet_v2_tiny": Family(mobilenet_v2_tiny, TINY_WIDTH, is_fixed=True),
    "mobilenet_v3": Family(mobilenet_v3, PAPER_WIDTH),
    "proxylessnas_mobile": Family(proxylessnas_mobile, PAPER_WIDTH),
    "mcunet": Family(mcunet, 1.0, is_fixed=True),
    "resnet18": Family(resnet18, 1.0),
    "resnet50": Family(resnet50, 1.0),
}
