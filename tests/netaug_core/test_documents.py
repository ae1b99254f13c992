"""Files written by people: what is accepted, and what is said about a mistake."""

import pytest
from pydantic import BaseModel, ValidationError, model_validator

from netaug_core.documents import load_document, sentences


class Widths(BaseModel):
    base: int
    factor: float = 1.0


def test_json_numbers_with_an_exponent_are_numbers() -> None:
    assert load_document('{"weight_decay": 4e-05}') == {"weight_decay": 4e-05}


def test_yaml_may_share_parts_by_anchor_and_override_them() -> None:
    text = "a: &shared {x: 1, y: 2}\nb: {<<: *shared, y: 3}\nc: *shared\n"
    assert load_document(text) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2},
    }


@pytest.mark.parametrize("text", ["plain: 1\nkd: 2\nplain: 3\n", '{"plain": 1, "plain": 3}'])
def test_a_name_given_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain is given twice"):
        load_document(text)


def test_a_name_given_twice_further_in_is_refused_with_its_line() -> None:
    with pytest.raises(ValueError, match="line 3: epochs is given twice"):
        load_document("training:\n  epochs: 1\n  epochs: 2\n")


@pytest.mark.parametrize("text", ["a: [1, 2", "[a]: 1"])
def test_text_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not valid YAML or JSON"):
        load_document(text)


def test_each_wrong_field_is_a_line_with_its_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Widths.model_validate({"factor": "wide"})
    missing, wrong = sentences(caught.value)
    assert missing == "base: Field required"
    assert wrong.startswith("factor: ")
    assert wrong.endswith("got 'wide'")


def test_a_wrong_section_is_not_shown_whole() -> None:
    class Job(BaseModel):
        widths: Widths

        @model_validator(mode="after")
        def _never(self) -> "Job":
            raise ValueError("base is too small")

    with pytest.raises(ValidationError) as caught:
        Job.model_validate({"widths": {"base": 1}})

    assert sentences(caught.value) == ["base is too small"]
