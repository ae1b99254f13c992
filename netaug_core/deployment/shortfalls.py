"""What a network needs against what a device has. Torch-free."""

from dataclasses import dataclass
from typing import Literal

from netaug_core.deployment.profile import Needs
from netaug_core.sections.target import Limits

Resource = Literal["sram_bytes", "flash_bytes", "macs"]


@dataclass(frozen=True)
class Shortfall:
    """A device has less of something than the network needs."""

    resource: Resource
    needed: int
    available: int


def of(needs: Needs, limits: Limits) -> tuple[Shortfall, ...]:
    """All that there is too little of; what is not limited is never short."""
    compared: tuple[tuple[Resource, int, int | None], ...] = (
        ("sram_bytes", needs.sram_bytes, limits.sram_bytes),
        ("flash_bytes", needs.flash_bytes, limits.flash_bytes),
        ("macs", needs.macs, limits.max_macs),
    )
    return tuple(
        Shortfall(resource, needed, available)
        for resource, needed, available in compared
        if available is not None and needed > available
    )
