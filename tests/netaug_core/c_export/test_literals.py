"""Numbers and texts as C reads them."""

import ast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netaug_core.c_export import literals


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_as_it_was(value: float) -> None:
    written = literals.number(value)

    assert written.endswith("f")
    assert set(written) & set(".e")  # `1f` is no number in C
    assert np.float32(written[:-1]) == np.float32(value)


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_a_text_in_c_is_its_bytes(value: str) -> None:
    written = literals.text(value)

    assert written.isascii()
    assert "??" not in written  # no trigraph
    assert ast.literal_eval(f"b{written}") == value.encode()


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_a_comment_stays_one(value: str) -> None:
    written = literals.comment(f"{value}*/ int x; /*")

    assert "*/" not in written
    assert "/*" not in written
    assert "\n" not in written


def test_an_array_has_its_numbers_in_lines() -> None:
    written = literals.array("x", np.arange(17).astype(np.int8))

    assert written.splitlines()[0] == "static const int8_t x[17] = {"
    assert written.splitlines()[2:] == ["    16,", "};"]
