"""What a job may ask for: all families with the default augmentation, and nothing impossible."""

from typing import Any

import pytest
from pydantic import ValidationError

from netaug_core.documents import load_document, sentences
from netaug_core.families.registry import FAMILIES
from netaug_core.spec import JobSpec

# A shortcut ties its output to its input; it has a middle to expand.
TIED = {"type": "inverted", "mid_channels": 8, "out_channels": 4}
SEPARABLE = {"type": "separable", "out_channels": 8}


def job(**sections: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "model": {"name": "mobilenet_v2", "input_size": 64},
            "data": {"dataset": "digits"},
            "training": {"epochs": 1},
            **sections,
        }
    )


def own(*blocks: dict[str, Any]) -> dict[str, Any]:
    network = {"stem": {"out_channels": 4}, "blocks": list(blocks)}
    return {"name": "custom", "input_size": 16, "network": network}


def refused(**sections: Any) -> str:
    """What is said of a spec that is refused for one reason."""
    with pytest.raises(ValidationError) as told:
        job(**sections)
    (sentence,) = sentences(told.value)
    return sentence


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_has_stages_to_augment_on_both_axes(name: str) -> None:
    spec = job(model={"name": name, "input_size": 64})

    assert spec.augment is not None
    assert len(spec.augment.width_multipliers) == 3
    assert len(spec.augment.expand_multipliers) == 4


def test_a_network_without_a_block_that_expands_is_told_which_axis_to_leave_out() -> None:
    sentence = refused(model=own(SEPARABLE))

    assert sentence.startswith(
        "augment.expand_multipliers: 1.0 and 1.6 give custom the same channels everywhere; "
        "leave one of them out, or [1.0] alone if the network has nothing to widen"
    )
    augment = {"width_multipliers": [1.0, 2.0], "expand_multipliers": [1.0]}
    assert job(model=own(SEPARABLE), augment=augment).augment is not None


def test_a_network_of_ties_alone_is_still_widened_from_its_stem_on() -> None:
    assert job(model=own(TIED, TIED)).augment is not None


def test_a_policy_that_augments_nothing_is_refused() -> None:
    sentence = refused(augment={"width_multipliers": [1.0], "expand_multipliers": [1.0]})

    assert sentence.endswith("nothing is augmented; add a multiplier, or set augment to null")


@pytest.mark.parametrize("number", [".nan", ".inf"])
@pytest.mark.parametrize(
    ("section", "field"),
    [("training", "learning_rate"), ("augment", "alpha"), ("model", "dropout"), ("data", "mixup")],
)
def test_a_number_of_a_spec_is_finite(section: str, field: str, number: str) -> None:
    document = load_document(f"{{{field}: {number}}}")
    assert isinstance(document, dict)
    needed = {"model": {"name": "mcunet"}, "data": {"dataset": "digits"}, "training": {"epochs": 1}}

    sentence = refused(**{section: needed.get(section, {}) | document})

    assert sentence.startswith(f"{section}.{field}: Input should be a finite number; got ")
