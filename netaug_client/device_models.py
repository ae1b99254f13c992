"""The server's answers about boards and what a network takes on them; also made offline."""

from netaug_client.models import Answer


class Board(Answer):
    """A board that a network can be meant for."""

    name: str
    title: str
    core: str
    clock_mhz: int
    sram_bytes: int
    flash_bytes: int
    source: str


class BoardList(Answer):
    items: tuple[Board, ...]


class Needs(Answer):
    """What a network needs of a device, allowances for stack and code included."""

    sram_bytes: int
    flash_bytes: int
    macs: int


class Layer(Answer):
    name: str
    kind: str
    height: int
    width: int
    channels: int
    params: int
    macs: int
    flash_bytes: int
    alive_bytes: int


class Limits(Answer):
    """What a target has; None: not limited."""

    board: str | None
    core: str | None
    clock_mhz: int | None
    sram_bytes: int | None
    flash_bytes: int | None
    max_macs: int | None


class Shortfall(Answer):
    resource: str
    needed: int
    available: int


class Remedy(Answer):
    """Changes of the spec with which the network fits."""

    changes: dict[str, int | float]
    needs: Needs


class Verdict(Answer):
    limits: Limits
    fits: bool
    shortfalls: tuple[Shortfall, ...]
    remedies: tuple[Remedy, ...]
    boards: tuple[str, ...]
    explanation: str | None = None


class Profile(Answer):
    """What a spec's network takes on a device; `verdict` is None without a target."""

    input_size: int
    in_channels: int
    num_classes: int
    params: int
    arena_bytes: int
    lower_bound_bytes: int
    peak_layer: str
    stack_bytes: int
    code_bytes: int
    needs: Needs
    layers: tuple[Layer, ...]
    verdict: Verdict | None = None
