"""What a person sees of the presets."""

import pytest
from pydantic import ValidationError

from netaug_core import preset_catalogue
from netaug_core.preset_catalogue import UnknownPreset
from netaug_core.presets import PRESETS, nearest
from netaug_core.spec import JobSpec


def test_every_preset_is_listed_with_its_network_and_dataset() -> None:
    listed = {info.name: info for info in preset_catalogue.catalogue()}

    assert list(listed) == sorted(PRESETS)
    pets = listed["transfer/pets/mobilenet_v3"]
    assert (pets.model, pets.dataset) == ("mobilenet_v3", "pets")
    assert pets.description.endswith("dropout 0.8; 160 pixels, 55 epochs, batch 256, rate 0.04")


@pytest.mark.parametrize("name", PRESETS)
def test_a_whole_spec_is_the_job_that_its_name_alone_makes(name: str) -> None:
    preset = preset_catalogue.find(name)
    needed = {"pretrained": {"weights": "job_1"}} if preset.needs else {}
    asked = {**preset.spec, "pretrained": preset.spec["pretrained"] or None, "preset": None}
    if needed:
        asked["pretrained"] = {**preset.spec["pretrained"], "weights": "job_1"}

    explicit = JobSpec.model_validate(asked).model_dump(exclude={"name", "preset"})
    by_name = JobSpec.model_validate({"preset": name, **needed})

    assert explicit == by_name.model_dump(exclude={"name", "preset"})


def test_what_a_preset_leaves_to_its_user_is_what_the_spec_asks_for() -> None:
    preset = preset_catalogue.find("transfer/pets/mcunet")

    with pytest.raises(ValidationError) as refused:
        JobSpec.model_validate(preset.spec)

    missing = [".".join(map(str, error["loc"])) for error in refused.value.errors()]
    assert tuple(missing) == preset.needs == ("pretrained.weights",)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("paper/mcunnet", "paper/mcunet"),
        ("mcunet", "paper/mcunet"),
        ("pets/mobilenet_v3", "transfer/pets/mobilenet_v3"),
        ("transfer/flower/mcunet", "transfer/flowers102/mcunet"),
    ],
)
def test_a_wrong_name_is_answered_with_the_most_similar_one(wrong: str, meant: str) -> None:
    with pytest.raises(UnknownPreset, match=f"most similar is {meant};"):
        preset_catalogue.find(wrong)
    with pytest.raises(ValidationError, match=f"most similar is {meant};"):
        JobSpec.model_validate({"preset": wrong})


def test_a_very_long_name_is_cut() -> None:
    assert nearest("paper/mcunet/" + "x" * 1_000_000).startswith("paper/mcunet")
    with pytest.raises(UnknownPreset) as refused:
        preset_catalogue.find("x" * 1_000_000)
    assert len(str(refused.value)) < 300
