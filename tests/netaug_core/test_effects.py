"""No field of a spec is ignored: each has a test that would fail if it were."""

import ast
import json
import shutil
import typing
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from netaug_core.spec import JobSpec
from tests.netaug_core import effects, small_detection, small_training
from tests.netaug_core.small_training import Place

PROJECT = Path(__file__).parents[2]
Train = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Train:
    """The weights that a spec, as JSON, leads to: those trained, and the best that were scored."""
    root = small_training.write_data(tmp_path_factory.mktemp("data"))
    small_training.write_finished(root, effects.OTHER_FINISHED, seed=100)
    small_detection.write_data(root)
    _swap_classes(root / small_training.DATASET, root / effects.OTHER_DATASET)
    runs = tmp_path_factory.mktemp("runs")

    @cache
    def weights(document: str) -> dict[str, Any]:
        spec = JobSpec.model_validate_json(document)
        trainer = small_training.train(Place(root, runs), spec)
        assert trainer.state.best is not None
        both = {"net": trainer.learner.net.state_dict(), "best": trainer.state.best.weights}
        return dict(small_training.flat(both))

    return weights


def _swap_classes(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    for split in target.iterdir():
        first, second = sorted(split.iterdir())
        first.rename(split / "between")
        second.rename(first)
        (split / "between").rename(second)


def are_same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    return ours.keys() == theirs.keys() and all(
        torch.equal(ours[name], tensor) for name, tensor in theirs.items()
    )


@pytest.mark.parametrize("path", effects.EFFECTS)
def test_another_value_of_a_field_leads_to_other_weights(train: Train, path: str) -> None:
    before, after = effects.without(path), effects.with_it(path)
    assert JobSpec.model_validate(before) != JobSpec.model_validate(after)

    assert not are_same(train(json.dumps(before)), train(json.dumps(after)))


def test_the_same_spec_leads_to_the_same_weights(train: Train) -> None:
    # Otherwise any difference above would mean nothing. The space makes it another training.
    document = json.dumps(small_training.document(small_training.EVERYTHING))

    assert are_same(train(document), train(document + " "))


def test_every_field_has_its_test() -> None:
    fields = set(_fields(JobSpec))

    assert fields == effects.EFFECTS.keys() | effects.SEEN_BY.keys() | SECTIONS
    assert not effects.EFFECTS.keys() & effects.SEEN_BY.keys()


SECTIONS = {"model", "data", "training", "resources"}  # always there: their fields have the effects


@pytest.mark.parametrize("test", sorted(set(effects.SEEN_BY.values())))
def test_a_test_that_is_named_exists(test: str) -> None:
    file, name = test.split("::")
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))

    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The path of each field that can have more than one value, also of the sections inside."""
    for name, field in model.model_fields.items():
        if not _is_fixed(field):
            yield prefix + name
        inner = list(dict.fromkeys(_models(field.annotation)))
        for one in inner:
            kind = _kind(one) if len(inner) > 1 else ""
            yield from _fields(one, f"{prefix}{name}.{kind}")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models(argument)


def _kind(model: type[BaseModel]) -> str:
    """Where a field may hold one of several sections, they tell themselves apart by `type`."""
    return f"{typing.get_args(model.model_fields['type'].annotation)[0]}."


def _is_fixed(field: FieldInfo) -> bool:
    arguments = typing.get_args(field.annotation)
    return typing.get_origin(field.annotation) is Literal and len(arguments) == 1
