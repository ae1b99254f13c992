"""What others wrote stays text."""

import pytest

from netaug_core.export.markdown import cell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ankle boot", "ankle boot"),
        ("a | b\n\n# Hi", "a \\| b # Hi"),
        ("<img src=x> & co", "&lt;img src=x&gt; &amp; co"),
        ("[here](http://x) `rm` *b*", "\\[here\\](http://x) \\`rm\\` \\*b\\*"),
    ],
)
def test_a_cell_is_one_line_without_markup(text: str, expected: str) -> None:
    assert cell(text) == expected
