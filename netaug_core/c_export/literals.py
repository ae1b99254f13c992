"""Numbers and texts as C writes them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

INDENT = "    "
_TYPES = {"int8": "int8_t", "int32": "int32_t", "float32": "float"}
_PER_LINE = {"int8": 16, "int32": 8, "float32": 6}


def array(name: str, values: NDArray[Any], *, comment: str = "") -> str:
    """`static const int8_t NAME[COUNT] = {...};` of all values, in their order in memory."""
    kind = values.dtype.name
    head = f"static const {_TYPES[kind]} {name}[{values.size}] = {{"
    lines = _lines([number(value) for value in values.ravel().tolist()], _PER_LINE[kind])
    return "\n".join([*([f"/* {comment} */"] if comment else []), head, *lines, "};"])


def number(value: int | float) -> str:
    """A whole number, or one of float32 with as many digits as bring back the same one."""
    if isinstance(value, int):
        return str(value)
    digits = f"{np.float32(value):.9g}"
    return f"{digits}f" if set(digits) & set(".en") else f"{digits}.0f"


def text(value: str) -> str:
    """A string literal in ASCII. UTF-8 goes byte by byte in octal, of which three digits end it."""
    return '"' + "".join(_character(byte) for byte in value.encode()) + '"'


def comment(value: str) -> str:
    """What may stand in a comment, on one line: a name cannot end it."""
    plain = "".join(one if one.isascii() and one.isprintable() else "?" for one in value)
    return plain.replace("*/", "* /").replace("/*", "/ *")


def _character(byte: int) -> str:
    plain = 32 <= byte < 127 and chr(byte) not in '"\\?'  # ? begins a trigraph
    return chr(byte) if plain else f"\\{byte:03o}"


def _lines(numbers: list[str], per_line: int) -> list[str]:
    starts = range(0, len(numbers), per_line)
    return [INDENT + ", ".join(numbers[start : start + per_line]) + "," for start in starts]
