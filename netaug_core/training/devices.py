"""The processes that train together, one for each device, and what they tell each other.

Each method of Group is to be called by all of them, in the same order: it waits for the others.
"""

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from pydantic_core import PydanticCustomError
from torch import Tensor

from netaug_core import feasibility
from netaug_core.data.counters import Indices
from netaug_core.data.order import EVALUATION_BATCH, Rank
from netaug_core.errors import BadSpec
from netaug_core.rendezvous import Rendezvous
from netaug_core.spec import JobSpec
from netaug_core.training.control import Control, LeaveRequested, Wish

# The others wait this long for one that is still working, as rank 0 does at the end with the
# verification. One that dies closes its connections: that is noticed at once.
PATIENCE = timedelta(minutes=60)
ALONE = Rank(0, 1)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Group:
    """All processes of a run. One alone agrees with itself and waits for nobody."""

    rank: Rank = ALONE

    @property
    def is_first(self) -> bool:
        """Only the first writes files and reports events."""
        return self.rank.number == 0

    @property
    def is_alone(self) -> bool:
        return self.rank.count == 1

    def highest(self, values: Sequence[int]) -> list[int]:
        """The greatest of each value over all processes."""
        if self.is_alone:
            return list(values)
        agreed = torch.tensor(values, dtype=torch.int64)
        dist.all_reduce(agreed, dist.ReduceOp.MAX)
        return agreed.tolist()

    def add_up(self, sums: Tensor) -> None:
        """Replace the tensor by its sum over all processes."""
        if not self.is_alone:
            dist.all_reduce(sums)

    def mean(self, value: float) -> float:
        """Of a number, over all processes."""
        if self.is_alone:
            return value
        total = torch.tensor([value], dtype=torch.float64)
        dist.all_reduce(total)
        return float(total) / self.rank.count

    def gather(self, rows: Tensor) -> Tensor:
        """The rows (n, ...) that all processes have, as many as each has, in the ranks' order."""
        if self.is_alone:
            return rows
        counts = torch.zeros(self.rank.count, dtype=torch.int64)
        counts[self.rank.number] = len(rows)
        dist.all_reduce(counts)
        padded = rows.new_zeros(int(counts.max()), *rows.shape[1:])
        padded[: len(rows)] = rows
        received = [torch.empty_like(padded) for _ in range(self.rank.count)]
        dist.all_gather(received, padded)
        pairs = zip(received, counts.tolist(), strict=True)
        return torch.cat([part[:count] for part, count in pairs])

    @torch.no_grad()
    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over all processes, in one exchange."""
        if self.is_alone or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.rank.count
        means = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.copy_(mean.view_as(tensor))

    def assemble(self, rows: Tensor, positions: Sequence[Indices]) -> Tensor:
        """One tensor of the rows that all processes have, on each of them.

        Args:
            rows: this process's, on the CPU.
            positions: of each process's rows in the result.
        """
        if self.is_alone:
            return rows
        longest = max(len(taken) for taken in positions)
        padded = rows.new_zeros(longest, *rows.shape[1:])
        padded[: len(rows)] = rows
        received = [torch.empty_like(padded) for _ in positions]
        dist.all_gather(received, padded)
        whole = rows.new_empty(sum(len(taken) for taken in positions), *rows.shape[1:])
        for taken, part in zip(positions, received, strict=True):
            whole[torch.from_numpy(np.asarray(taken))] = part[: len(taken)]
        return whole

    def wait(self) -> None:
        """Until all have come this far."""
        self.highest([0])

    def leave_if_asked(self, control: Control) -> None:
        """To be called often in work that can be thrown away.

        Raises:
            LeaveRequested: the run shall leave, whichever process was asked.
        """
        if self.highest([control.wish() is Wish.LEAVE])[0]:
            raise LeaveRequested

    @contextlib.contextmanager
    def first_alone(self) -> Iterator[None]:
        """For work of the first process, inside `if group.is_first`; the others wait at the end.

        Raises:
            LeaveRequested: on each of them, if the first was asked to leave meanwhile.
        """
        leave = False
        try:
            yield
        except LeaveRequested:
            leave = True
        if self.highest([leave])[0]:
            raise LeaveRequested


ONE = Group()


def in_rounds(
    batches: Iterable[Item], num_images: int, group: Group, size: int = EVALUATION_BATCH
) -> Iterator[Item | None]:
    """The batches, then None: each device goes as many rounds as the one with the most batches.

    Args:
        batches: this device's.
        num_images: of all devices' batches.
        group: of the devices.
        size: pictures of a whole batch.
    """
    num_rounds = math.ceil(num_images / (size * group.rank.count))
    return (batch for _, batch in zip_longest(range(num_rounds), batches))


@contextlib.contextmanager
def together(place: Rendezvous | None, device: torch.device) -> Iterator[Group]:
    """The group of a run, from its first meeting to its end."""
    if place is None or place.count == 1:
        yield ONE
        return
    dist.init_process_group(
        # Numbers on the CPU go by gloo also where the gradients go by nccl.
        "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
        init_method=place.url,
        rank=place.rank,
        world_size=place.count,
        timeout=PATIENCE,
        device_id=device if device.type == "cuda" else None,
    )
    group = Group(Rank(place.rank, place.count))
    try:
        yield group
    except LeaveRequested:
        dist.destroy_process_group()
        raise
    # After a failure this is not reached: others may not answer any more.
    dist.destroy_process_group()


def check(spec: JobSpec, group: Group) -> None:
    """Refuse what cannot be shared between devices.

    Raises:
        BadSpec: the batch cannot be divided, or the devices could not share statistics.
    """
    try:
        feasibility.check_devices(
            group.rank.count, spec.data.batch_size, spec.training, spec.augment
        )
    except PydanticCustomError as error:
        raise BadSpec(error.message()) from error
