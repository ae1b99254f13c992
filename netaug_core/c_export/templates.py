"""The files of `templates/` and `kernels/`; `@name@` in a template is filled in."""

import re
from collections.abc import Mapping
from importlib import resources

_ROOM = resources.files("netaug_core.c_export")
_PLACE = re.compile(r"@(\w+)@")


def fill(template: str, values: Mapping[str, object]) -> str:
    """A template's text with every `@name@` replaced."""
    return filled(read(template), values)


def filled(text: str, values: Mapping[str, object]) -> str:
    return _PLACE.sub(lambda place: str(values[place[1]]), text)


def read(template: str) -> str:
    return (_ROOM / "templates" / template).read_text(encoding="utf-8")


def kernel(file: str) -> str:
    return (_ROOM / "kernels" / file).read_text(encoding="utf-8")


def headers_of(files: frozenset[str]) -> frozenset[str]:
    """The headers of `kernels/` that these files of it include, and those that they include."""
    found = {name for file in files for name in re.findall(r'#include "(.+)"', kernel(file))}
    return headers_of(files | found) if found - files else frozenset(found)
