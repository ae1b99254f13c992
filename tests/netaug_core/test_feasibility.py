"""What cannot be trained is refused with the spec."""

from typing import Any

import pytest
from pydantic import ValidationError

from netaug_core.feasibility import least_input_size
from netaug_core.spec import JobSpec
from tests.netaug_core.networks import own, small

SEPARABLE = {
    "stem": {"out_channels": 1},
    "blocks": [{"type": "separable", "out_channels": 2}],
}


def job(model: dict[str, Any], augment: dict[str, Any] | None = None) -> JobSpec:
    return JobSpec.model_validate(
        {
            "model": model,
            "augment": augment,
            "data": {"dataset": "digits"},
            "training": {"epochs": 1},
        }
    )


def test_a_network_that_halves_five_times_needs_seventeen_pixels() -> None:
    assert least_input_size(small("mobilenet_v2")) == 17  # 17, 9, 5, 3, 2, 1
    assert least_input_size(own()) == 5  # three halvings: 5, 3, 2, 1


def test_an_input_too_small_for_the_strides_is_told_the_least_one() -> None:
    with pytest.raises(ValidationError, match=r"input_size 14 is too small.*5 times.*at least 17"):
        job({"name": "mobilenet_v2", "input_size": 14})


def test_an_input_of_fourteen_pixels_fits_with_a_stem_that_keeps_them() -> None:
    spec = job({"name": "mobilenet_v2", "input_size": 14, "stem_stride": 1})

    assert spec.model.input_size == 14


def test_the_augmented_pass_s_smaller_input_must_fit_too() -> None:
    with pytest.raises(ValidationError, match=r"input_scale 0.5 leaves 14 of 28 pixels.*need 17"):
        job({"name": "mobilenet_v2", "input_size": 28}, {"input_scale": 0.5})


@pytest.mark.parametrize(
    ("augment", "sentence"),
    [
        (
            {"width_multipliers": [1.0, 1.2, 2.0], "expand_multipliers": [1.0]},
            "width_multipliers: 1.0 and 1.2 give custom the same channels everywhere",
        ),
        (
            {"width_multipliers": [1.0, 2.0], "expand_multipliers": [1.0, 2.0]},
            r"expand_multipliers: 1.0 and 2.0 give .*\[1.0\] alone if",
        ),
    ],
)
def test_multipliers_whose_channels_collapse_are_refused(
    augment: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        job({"name": "custom", "input_size": 8, "network": SEPARABLE}, augment)


def test_multipliers_that_widen_something_pass() -> None:
    augment = {"width_multipliers": [1.0, 2.0], "expand_multipliers": [1.0]}

    spec = job({"name": "custom", "input_size": 8, "network": SEPARABLE}, augment)

    assert spec.augment is not None


def test_drop_path_in_a_network_without_a_shortcut_is_refused() -> None:
    model = {"name": "custom", "input_size": 8, "network": SEPARABLE}

    with pytest.raises(
        ValidationError, match=r"drop_path 0.2 needs .* custom has none: set drop_p"
    ):
        job(model | {"drop_path": 0.2})
    assert job(model | {"drop_path": 0.0}).model.drop_path == 0


@pytest.mark.parametrize(
    ("size", "most"), [(28, 1), (33, 1), (64, 1), (65, 3), (128, 3)]
)  # of 32: sides of 1, 2, 2, 3, 4
def test_squares_larger_than_the_last_map_are_told_the_largest_that_fits(
    size: int, most: int
) -> None:
    model = {"name": "mobilenet_v2", "input_size": size, "drop_block": 0.1}

    with pytest.raises(
        ValidationError,
        match=rf"drop_block_size 5 is larger .*{size} pixels.*at most {most}, or raise model.input",
    ):
        job(model | {"drop_block_size": 5})
    assert job(model | {"drop_block_size": most}).model.drop_block_size == most


def test_the_default_squares_fit_at_the_paper_s_resolutions() -> None:
    for name, size in (("mobilenet_v2_tiny", 144), ("mobilenet_v3", 160), ("mcunet", 176)):
        assert job({"name": name, "input_size": size, "drop_block": 0.1}).model.drop_block_size == 5


def test_squares_must_fit_into_the_augmented_pass_too() -> None:
    model = {"name": "mobilenet_v2", "input_size": 160, "drop_block": 0.1}

    with pytest.raises(
        ValidationError, match=r"120 pixels.* side of 4: give at most 3, or raise a"
    ):
        job(model, {"input_scale": 0.75})
    assert job(model | {"drop_block_size": 3}, {"input_scale": 0.75}).augment is not None


def test_the_size_of_squares_that_are_not_asked_for_does_not_matter() -> None:
    assert job({"name": "mobilenet_v2", "input_size": 28}).model.drop_block_size == 5


def test_gpus_that_cannot_divide_the_batch_are_refused_with_the_spec() -> None:
    spec = {
        "model": {"name": "mobilenet_v2", "input_size": 32},
        "data": {"dataset": "digits", "batch_size": 50},
        "training": {"epochs": 1},
        "resources": {"gpus": 4},
    }
    with pytest.raises(ValidationError, match=r"must be a multiple of 4, .*; got 50"):
        JobSpec.model_validate(spec)

    spec["resources"] = {"gpus": 2}
    assert JobSpec.model_validate(spec).resources.gpus == 2
