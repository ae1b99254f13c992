"""Text that others wrote, in the tables of a card."""

import html
import re

SPECIAL = re.compile(r"([\\`*_{}\[\]|])")


def cell(text: str) -> str:
    """As it stands, on one line: it makes no markup, no HTML and no further cell."""
    return SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
