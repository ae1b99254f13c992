"""Names in C: the prefix that a user chooses, and one for each tensor of a graph."""

import re
from collections.abc import Iterable

from netaug_core.c_export.errors import BadIdentifier

LONGEST = 31  # significant characters of an external name in C99, 5.2.4.1
LONGEST_PREFIX = LONGEST - len("_preprocess")

# C99, 6.4.1, and what C++ adds that a folder or a layer could be called.
WORDS = """
auto break case char const continue default do double else enum extern float for goto if
inline int long register restrict return short signed sizeof static struct switch typedef
union unsigned void volatile while bool class delete export false friend namespace new
operator private protected public template this throw true try typename using virtual
"""
KEYWORDS = frozenset(WORDS.split())
# What model.c calls something already.
TAKEN = frozenset({"arena", "tables", "main"})


def check_prefix(prefix: str) -> None:
    """A prefix is lower case, so that its macros are the same in capitals.

    Raises:
        BadIdentifier: C, or this project's kernels, leave no room for it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", prefix) or len(prefix) > LONGEST_PREFIX:
        raise BadIdentifier(
            f"name must begin with a letter a to z and go on with letters, digits and underscores, "
            f"{LONGEST_PREFIX} characters at most, as names in C do; got {prefix!r}"
        )
    if prefix in KEYWORDS:
        raise BadIdentifier(f"name must not be a word of C or C++; got {prefix!r}")
    if prefix.startswith("netaug_"):
        raise BadIdentifier(
            f"name must not begin with netaug_, as the kernels' names do; got {prefix!r}"
        )


def of_tensors(names: Iterable[str]) -> dict[str, str]:
    """A C name for each, all different: `blocks.0.expand` is `blocks_0_expand`."""
    found: dict[str, str] = {}
    used = set(KEYWORDS | TAKEN)
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        plain = plain if re.match(r"[A-Za-z]", plain) else f"layer_{plain}"
        identifier, number = plain, 1
        while identifier in used:
            number += 1
            identifier = f"{plain}_{number}"
        used.add(identifier)
        found[name] = identifier
    return found
