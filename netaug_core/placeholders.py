"""Names in a document that stand for what is known only later: "@name"."""

from collections.abc import Callable, Mapping
from typing import Any

MARK = "@"


def replace(value: Any, resolve: Callable[[str], object]) -> Any:
    """The document with every text "@name" replaced by what `resolve` gives for the name."""
    if isinstance(value, Mapping):
        return {name: replace(part, resolve) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [replace(part, resolve) for part in value]
    if isinstance(value, str) and value.startswith(MARK):
        return resolve(value.removeprefix(MARK))
    return value
