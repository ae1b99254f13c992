"""Every preset is a valid spec with the few fields that only its user knows, and has its rates."""

import pytest
from pydantic import ValidationError

from netaug_core.presets import PRESETS
from netaug_core.spec import JobSpec

WEIGHTS = {"weights": "imagenet/model.safetensors"}


def spec_of(name: str, **more: object) -> JobSpec:
    needed = {"pretrained": WEIGHTS} if name.startswith("transfer/") else {}
    return JobSpec.model_validate({"preset": name, **needed, **more})


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_whole_spec(name: str) -> None:
    spec = spec_of(name)

    assert name.split("/")[-1 if name.startswith("transfer/") else 1] == spec.model.name
    assert spec.training.epochs - spec.training.warmup_epochs in (50, 150)


def test_there_is_one_for_each_network_and_dataset() -> None:
    assert sum(name.startswith("paper/") for name in PRESETS) == 10
    assert sum(name.startswith("transfer/") for name in PRESETS) == 25


def test_the_first_and_the_peak_rate_are_the_references() -> None:
    mcunet, v3 = (spec_of(f"paper/{name}").training for name in ("mcunet", "mobilenet_v3"))
    cars = spec_of("transfer/cars/mobilenet_v2").training

    assert (mcunet.learning_rate, mcunet.learning_rate * mcunet.warmup_start) == (0.4, 0.0125)
    assert (v3.learning_rate, v3.learning_rate * v3.warmup_start) == (1.6, 0.1)
    assert (v3.weight_decay, mcunet.weight_decay) == (3e-5, 4e-5)
    assert (cars.learning_rate, cars.learning_rate * cars.warmup_start) == (0.72, 0.18)


def test_a_baseline_differs_from_its_paper_run_in_augmentation_and_initialisation() -> None:
    run, baseline = (spec_of(f"paper/mcunet{end}") for end in ("", "/baseline"))

    assert run.augment is not None
    assert baseline.augment is None
    assert baseline.training.initialisation == "kaiming_fan_out"
    assert baseline.data == run.data


def test_what_the_spec_says_goes_before_the_preset() -> None:
    spec = spec_of("paper/mcunet", data={"dataset": "imagenet21k"}, augment=None)

    assert (spec.data.dataset, spec.data.batch_size, spec.augment) == ("imagenet21k", 2048, None)


def test_fine_tuning_needs_weights() -> None:
    with pytest.raises(ValidationError, match=r"pretrained\.weights"):
        JobSpec.model_validate({"preset": "transfer/pets/mcunet"})
