"""Does a spec's network fit its target, and what would make it fit? Torch-free."""

from dataclasses import asdict, dataclass
from typing import Any

from netaug_core.boards import BOARDS, Board
from netaug_core.deployment import profile as profiles
from netaug_core.deployment import remedies, shortfalls
from netaug_core.deployment.profile import CODE_BYTES, STACK_BYTES, Needs, Profile
from netaug_core.deployment.remedies import Remedy
from netaug_core.deployment.shortfalls import Shortfall
from netaug_core.sections.target import Limits
from netaug_core.spec import JobSpec

MOST_BOARDS = 3  # named in a verdict


@dataclass(frozen=True)
class Verdict:
    """Of a network on its target.

    Attributes:
        shortfalls: what the target has too little of; nothing if the network fits.
        remedies: changes of the spec, each enough; none may be known.
        boards: the smallest of the catalogue that hold the network as it is, if it does not fit.
    """

    limits: Limits
    shortfalls: tuple[Shortfall, ...]
    remedies: tuple[Remedy, ...] = ()
    boards: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        return not self.shortfalls


@dataclass(frozen=True)
class Report:
    """A spec's network on a device; without a target there is no verdict."""

    profile: Profile
    verdict: Verdict | None

    def facts(self) -> dict[str, Any]:
        """The report as JSON, the same from the API and the command line."""
        judged = None
        if self.verdict is not None:
            said = None if self.verdict.fits else explanation(self.profile, self.verdict)
            judged = {**asdict(self.verdict), "fits": self.verdict.fits, "explanation": said}
        return {**asdict(self.profile), "verdict": judged}


def report(spec: JobSpec, *, num_classes: int, in_channels: int) -> Report:
    """Profile a spec's network for a dataset with these classes and channels, and judge it."""
    table = spec.table(num_classes=num_classes, in_channels=in_channels)
    profile = profiles.profile(table, spec.model.input_size)
    if spec.target is None:
        return Report(profile, None)
    limits = spec.target.limits()
    short = shortfalls.of(profile.needs, limits)
    if not short:
        return Report(profile, Verdict(limits, ()))
    found = remedies.find(spec, limits, num_classes=num_classes, in_channels=in_channels)
    return Report(profile, Verdict(limits, short, found, _boards(profile.needs, short)))


def explanation(profile: Profile, verdict: Verdict) -> str:
    """Why a network does not fit, and what to do; for one that does not."""
    device = verdict.limits.board or "the target"
    lacks = "; ".join(_lack(one, profile, device) for one in verdict.shortfalls)
    ways = [_change(remedy) for remedy in verdict.remedies]
    if verdict.boards:
        ways.append(f"take a board that holds it ({', '.join(verdict.boards)})")
    if not verdict.remedies:
        ways.insert(0, "choose another network: no smaller input or width of this one fits")
    ways.append("set target.enforce to false to train it all the same")
    return f"target: {lacks}; {', or '.join(ways)}"


def _lack(shortfall: Shortfall, profile: Profile, device: str) -> str:
    needed, available = f"{shortfall.needed:,}", f"{shortfall.available:,}"
    if shortfall.resource == "macs":
        return f"the network multiplies {needed} times an image, and max_macs is {available}"
    if shortfall.resource == "flash_bytes":
        return (
            f"the network needs {needed} bytes of flash, {CODE_BYTES:,} of them for code, and "
            f"{device} has {available}"
        )
    return (
        f"the network needs {needed} bytes of SRAM, {profile.arena_bytes:,} for activations, with "
        f"the peak at {profile.peak_layer}, and {STACK_BYTES:,} for the stack, and {device} has "
        f"{available}"
    )


def _change(remedy: Remedy) -> str:
    return "set " + " and ".join(f"{name} to {value}" for name, value in remedy.changes.items())


def _boards(needs: Needs, short: tuple[Shortfall, ...]) -> tuple[str, ...]:
    if any(one.resource == "macs" for one in short):
        return ()  # max_macs is no board's

    def holds(board: Board) -> bool:
        return board.sram_bytes >= needs.sram_bytes and board.flash_bytes >= needs.flash_bytes

    large = sorted(filter(holds, BOARDS), key=lambda board: (board.sram_bytes, board.flash_bytes))
    return tuple(board.name for board in large[:MOST_BOARDS])
