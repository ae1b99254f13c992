"""Files written by people: YAML or JSON in, and sentences about what is wrong in them out."""

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

MERGE_TAG = "tag:yaml.org,2002:merge"


def load_document(text: str) -> object:
    """Parse YAML or JSON. A name given twice is an error: one of the two would be lost in silence.

    Raises:
        ValueError: the text is neither, or a mapping has a name twice.
    """
    try:
        # First: YAML 1.1 takes JSON's 4e-05 for a string.
        return json.loads(text, object_pairs_hook=_mapping)
    except json.JSONDecodeError:
        pass
    try:
        return yaml.load(text, Loader=_UniqueNames)  # noqa: S506  # a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(f"not valid YAML or JSON: {error}") from error


def sentences(error: ValidationError) -> list[str]:
    """One line a wrong field: its path, what is wrong, and the value; a section is not shown."""
    lines = []
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"])
        is_section = isinstance(item["input"], Mapping)
        shown = "" if item["type"] == "missing" or is_section else f"; got {item['input']!r:.100}"
        message = item["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {message}{shown}" if name else f"{message}{shown}")
    return lines


def _mapping(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for name, value in pairs:
        if name in mapping:
            raise ValueError(f"{name} is given twice; keep one of them")
        mapping[name] = value
    return mapping


class _UniqueNames(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag == MERGE_TAG:
                continue
            name = self.construct_object(key, deep=True)
            if not isinstance(name, Hashable):
                break  # the loader's own error says so
            if name in seen:
                line = key.start_mark.line + 1
                raise ValueError(f"line {line}: {name} is given twice; keep one of them")
            seen.add(name)
        return super().construct_mapping(node, deep)
