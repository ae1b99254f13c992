"""Buffers in one block of memory: an offset for each, so that none lies over another in use.

The smallest block is hard to find: dynamic storage allocation is NP-complete. Each buffer goes to
the lowest free place, in several orders; while the block is above the bound, what sticks out is
placed earlier; in the end the orders are searched, as far as the budget goes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_REPAIRS = 8  # of an order
MOST_PLACED = 2_000  # buffers, while an order is repaired
MOST_LOOKS = 8_000  # of the search, at one buffer
UNPLACED = -1


@dataclass(frozen=True)
class Buffer:
    """Memory that is in use from one operation to another, by their indices."""

    size: int
    first: int
    last: int

    @property
    def area(self) -> int:
        """Bytes times operations."""
        return self.size * (self.last - self.first + 1)


ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda buffer: (-buffer.size, buffer.first),
    lambda buffer: (-buffer.area, buffer.first),
    lambda buffer: (buffer.first - buffer.last, -buffer.size),
    lambda buffer: (buffer.first, -buffer.size),
)


def place(buffers: Sequence[Buffer]) -> list[int]:
    """The offset of each buffer; the same buffers always get the same ones."""
    block = _Block(buffers)
    for order in ORDERS:
        block.repair(sorted(range(len(buffers)), key=lambda index: order(buffers[index])))
    block.search()
    return block.offsets


def _meetings(buffers: Sequence[Buffer]) -> tuple[list[list[int]], int]:
    """Which buffers are in use beside each, and the most bytes in use at one operation."""
    beside: list[list[int]] = [[] for _ in buffers]
    bound = 0
    current: list[int] = []
    for index in sorted(range(len(buffers)), key=lambda index: buffers[index].first):
        current = [i for i in current if buffers[i].last >= buffers[index].first]
        for i in current:
            beside[i].append(index)
        beside[index] += current
        current.append(index)
        bound = max(bound, sum(buffers[i].size for i in current))
    return beside, bound


class _Block:
    """The best offsets so far."""

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self._buffers = buffers
        self._beside, self._bound = _meetings(buffers)
        self._looks = 0
        self._size = 1 + sum(buffer.size for buffer in buffers)
        self.offsets: list[int] = []

    @property
    def _is_best(self) -> bool:
        return self._size == self._bound

    def repair(self, order: list[int]) -> None:
        """Place in this order; then again and again, with what stuck out in front."""
        for _ in range(max(1, min(MOST_REPAIRS, MOST_PLACED // len(order)))):
            if self._is_best:
                return
            tops = self._place(order)
            out = [index for index in order if tops[index] > self._bound]
            order = out + [index for index in order if tops[index] <= self._bound]

    def search(self) -> None:
        """Place by rising offset, with every choice of the next buffer: one of them is best."""
        self._dive([UNPLACED] * len(self._buffers), [0] * len(self._buffers), 0)

    def _place(self, order: Sequence[int]) -> list[int]:
        """Each at the lowest free place; where each ends."""
        offsets = [UNPLACED] * len(order)
        tops = [0] * len(order)
        for index in order:
            size = self._buffers[index].size
            placed = [i for i in self._beside[index] if offsets[i] != UNPLACED]
            offsets[index] = _lowest(size, sorted((offsets[i], tops[i]) for i in placed))
            tops[index] = offsets[index] + size
        self._keep(offsets, max(tops))
        return tops

    def _keep(self, offsets: list[int], size: int) -> None:
        if size < self._size:
            self.offsets, self._size = offsets.copy(), size

    def _dive(self, offsets: list[int], floors: list[int], lowest: int) -> None:
        """Go on from offsets so far, with the floor that they leave for each of the others."""
        buffers = self._buffers
        starts = {
            i: max(floors[i], lowest) for i, offset in enumerate(offsets) if offset == UNPLACED
        }
        self._looks += len(starts)
        if not starts:
            self._keep(offsets, max(map(_top, offsets, buffers)))
        if any(at + buffers[i].size >= self._size for i, at in starts.items()):
            return
        for i in sorted(starts, key=lambda i: (starts[i], -buffers[i].area)):
            if self._is_best or self._looks > MOST_LOOKS:
                return
            offsets[i] = starts[i]
            self._dive(offsets, self._raised(floors, i, _top(starts[i], buffers[i])), starts[i])
            offsets[i] = UNPLACED

    def _raised(self, floors: list[int], index: int, top: int) -> list[int]:
        raised = floors.copy()
        for i in self._beside[index]:
            raised[i] = max(raised[i], top)
        return raised


def _lowest(size: int, taken: Sequence[tuple[int, int]]) -> int:
    """The first gap of this size between spans in order of their beginning."""
    at = 0
    for low, high in taken:
        if low - at >= size:
            break
        at = max(at, high)
    return at


def _top(offset: int, buffer: Buffer) -> int:
    return offset + buffer.size
