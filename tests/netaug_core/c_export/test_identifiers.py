"""Names in C."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netaug_core.c_export import identifiers
from netaug_core.c_export.errors import BadIdentifier


@pytest.mark.parametrize("prefix", ["netaug", "x", "garden_2", "a" * identifiers.LONGEST_PREFIX])
def test_a_name_in_c_is_a_prefix(prefix: str) -> None:
    identifiers.check_prefix(prefix)


@pytest.mark.parametrize(
    "prefix",
    ["", "2x", "_x", "a-b", "a b", "Big", "gärten", "int", "class", "netaug_x", "x\n", "a" * 40],
)
def test_another_prefix_is_refused_by_its_value(prefix: str) -> None:
    with pytest.raises(BadIdentifier, match="name must"):
        identifiers.check_prefix(prefix)


def test_a_tensors_name_stays_readable() -> None:
    found = identifiers.of_tensors(["blocks.0.expand", "default", "0", "a.b_c", "a_b.c"])

    assert list(found.values()) == [
        "blocks_0_expand",
        "default_2",
        "layer_0",
        "a_b_c",
        "a_b_c_2",
    ]


@given(st.lists(st.text(min_size=1, max_size=4), unique=True))
def test_no_two_tensors_have_one_name(names: list[str]) -> None:
    found = identifiers.of_tensors(names)

    assert len(set(found.values())) == len(names)
    assert all(one.isidentifier() and one.isascii() for one in found.values())
