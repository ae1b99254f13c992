"""A job file with `--set` changes, checked before anything is sent."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
import yaml
from pydantic import ValidationError

from netaug_core.documents import load_document, sentences
from netaug_core.spec import JobSpec

STANDARD_INPUT = "-"


def read(path: str, changes: Sequence[str]) -> JobSpec:
    """The spec in a file, or on standard input, with the changes made.

    Raises:
        typer.BadParameter: it cannot be read, or is not a valid spec; each field is named.
    """
    return checked(read_document(path, changes), path)


def checked(document: Mapping[str, Any], path: str) -> JobSpec:
    """The spec in a document that was read from `path`.

    Raises:
        typer.BadParameter: it is not a valid spec; each field is named.
    """
    try:
        return JobSpec.model_validate(document)
    except ValidationError as error:
        raise typer.BadParameter("\n".join(sentences(error)), param_hint=path) from error


def read_document(path: str, changes: Sequence[str]) -> dict[str, Any]:
    """The mapping in a file, or on standard input, with the changes made, not yet checked.

    Raises:
        typer.BadParameter: it cannot be read, is no mapping, or a change does not fit.
    """
    document = _parse(path)
    for change in changes:
        _set(document, change)
    return document


def _parse(path: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if path == STANDARD_INPUT else Path(path).read_text("utf-8")
        document = load_document(text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint=path) from error
    if not isinstance(document, dict):
        raise typer.BadParameter("the file must be a mapping of fields", param_hint=path)
    return document


def _set(document: dict[str, Any], change: str) -> None:
    name, separator, value = change.partition("=")
    if not separator:
        raise typer.BadParameter(
            f"write field=value, for example training.epochs=5; got {change!r}", param_hint="--set"
        )
    *sections, field = name.split(".")
    target = document
    for section in sections:
        target = target.setdefault(section, {})
        if not isinstance(target, dict):
            raise typer.BadParameter(f"{section} has no fields", param_hint="--set")
    target[field] = yaml.safe_load(value)
