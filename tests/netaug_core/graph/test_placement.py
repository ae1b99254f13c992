"""Placements against the smallest block, found by trying every offset."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from netaug_core.graph import placement
from netaug_core.graph.placement import Buffer

buffers = st.builds(
    lambda size, first, length: Buffer(size, first, first + length),
    st.integers(1, 4),
    st.integers(0, 4),
    st.sampled_from([0, 1, 1, 2, 5]),
)


def meet(one: Buffer, other: Buffer) -> bool:
    return bool(set(range(one.first, one.last + 1)) & set(range(other.first, other.last + 1)))


def size(placed: Sequence[Buffer], offsets: Sequence[int]) -> int:
    return max(offset + one.size for one, offset in zip(placed, offsets, strict=True))


def fits(block: int, todo: Sequence[Buffer], placed: Sequence[tuple[Buffer, int]] = ()) -> bool:
    """Whether the buffers have room in a block of this size, beside those that have a place."""
    if not todo:
        return True
    one, *rest = todo
    for offset in range(block - one.size + 1):
        is_free = all(
            not meet(one, other) or offset + one.size <= at or at + other.size <= offset
            for other, at in placed
        )
        if is_free and fits(block, rest, [*placed, (one, offset)]):
            return True
    return False


@settings(max_examples=60, deadline=None)
@given(st.lists(buffers, min_size=1, max_size=5))
def test_no_smaller_block_holds_a_few_buffers(given_buffers: list[Buffer]) -> None:
    placed = placement.place(given_buffers)

    block = size(given_buffers, placed)
    assert not fits(block - 1, given_buffers)


@settings(deadline=None)
@given(st.lists(buffers, min_size=1, max_size=50))
def test_buffers_in_use_together_lie_apart(given_buffers: list[Buffer]) -> None:
    offsets = placement.place(given_buffers)

    for index, one in enumerate(given_buffers):
        for other, at in zip(given_buffers[:index], offsets, strict=False):
            if meet(one, other):
                assert offsets[index] + one.size <= at or at + other.size <= offsets[index]


def test_what_no_order_finds_is_searched_for() -> None:
    tight = [
        *(Buffer(4, 0, 3), Buffer(4, 0, 2)),
        *(Buffer(3, 2, 3), Buffer(3, 3, 3), Buffer(2, 3, 3)),
    ]

    # At operation 3, 12 bytes are in use; without the search one of 2 sticks out of them.
    assert size(tight, placement.place(tight)) == 12
