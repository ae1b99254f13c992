"""The OpenAPI document is current, valid, and says all of each operation."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api import openapi
from api.examples import ANSWERS, SPECS
from netaug_core.spec import JobSpec

DOCUMENT: dict[str, Any] = json.loads(Path("docs/openapi.json").read_text())
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation
    for path in DOCUMENT["paths"].values()
    for operation in path.values()
}
UNDER_V1 = [
    operation["operationId"]
    for path, operations in DOCUMENT["paths"].items()
    for operation in operations.values()
    if path.startswith("/v1/")
]


def test_the_committed_document_is_current() -> None:
    assert Path("docs/openapi.json").read_text() == openapi.document(), "run `make openapi`"


def test_the_document_is_valid() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(DOCUMENT).validate()


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_is_a_verb_and_a_noun_with_a_tag(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", name)
    assert OPERATIONS[name]["tags"]
    assert OPERATIONS[name]["description"]


@pytest.mark.parametrize("name", sorted(UNDER_V1))
def test_an_operation_under_v1_needs_a_key_and_tells_its_errors(name: str) -> None:
    operation = OPERATIONS[name]

    assert operation["security"]
    assert {"401", "403", "422", "503"} <= set(operation["responses"])
    for status, answer in operation["responses"].items():
        if status >= "400":
            assert list(answer["content"]) == ["application/problem+json"]
            assert answer["content"]["application/problem+json"]["examples"]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_has_an_example_of_its_answer(name: str) -> None:
    successes = [
        answer
        for status, answer in OPERATIONS[name]["responses"].items()
        if status.startswith("2") and "content" in answer
    ]

    exampled = [
        media.get("example") is not None or media.get("schema", {}) in ({}, {"type": "string"})
        for answer in successes
        for media in answer["content"].values()
    ]
    assert all(exampled)


@pytest.mark.parametrize(("name", "status"), sorted(ANSWERS))
def test_an_example_is_as_its_schema_says(name: str, status: str) -> None:
    media = OPERATIONS[name]["responses"][status]["content"]["application/json"]

    schema = {**media["schema"], "components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(media["example"])


@pytest.mark.parametrize("task", sorted(SPECS))
def test_the_example_of_a_spec_is_accepted(task: str) -> None:
    assert JobSpec.model_validate(SPECS[task]["value"]).task == task
