"""Where the processes of a run meet, one for each device. Loads no torch."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rendezvous:
    """This process's place among those that train together.

    Attributes:
        url: where they meet: a `file://` on one machine, `env://` under torchrun.
        rank: this process, counted from 0 over all machines.
        count: processes on all machines.
        local_rank: this process on its machine; also the number of its GPU.
    """

    url: str
    rank: int
    count: int
    local_rank: int


def from_environment(environment: Mapping[str, str]) -> Rendezvous | None:
    """What torchrun tells each process that it starts; None without torchrun."""
    if "TORCHELASTIC_RUN_ID" not in environment:
        return None
    return Rendezvous(
        "env://",
        int(environment["RANK"]),
        int(environment["WORLD_SIZE"]),
        int(environment["LOCAL_RANK"]),
    )
