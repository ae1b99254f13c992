"""Verdicts, and that what is said to help does."""

import time
from typing import Any

import pytest

from netaug_core.deployment import verdicts
from netaug_core.deployment.verdicts import Report, Verdict
from netaug_core.spec import JobSpec
from tests.netaug_core.deployment.specs import spec

LONGEST_S = 0.5
V2 = {"name": "mobilenet_v2", "width": 0.35, "input_size": 160}
V3 = {"name": "mobilenet_v3", "input_size": 160, "stem_stride": 1}


def report(given: JobSpec) -> Report:
    return verdicts.report(given, num_classes=10, in_channels=3)


def verdict(given: JobSpec) -> Verdict:
    found = report(given).verdict
    assert found is not None
    return found


def changed(given: JobSpec, **model: Any) -> JobSpec:
    document = given.model_dump(mode="json")
    return JobSpec.model_validate({**document, "model": {**document["model"], **model}})


def test_without_a_target_there_is_no_verdict() -> None:
    assert report(spec(None, model=V2)).verdict is None


def test_a_network_fits_what_has_exactly_as_much_as_it_needs() -> None:
    needs = report(spec(None, model=V2)).profile.needs
    room = {
        "sram_bytes": needs.sram_bytes,
        "flash_bytes": needs.flash_bytes,
        "max_macs": needs.macs,
    }

    assert verdict(spec(room, model=V2)).fits
    for name in room:
        short = verdict(spec({**room, name: room[name] - 1}, model=V2))
        resource = "macs" if name == "max_macs" else name
        assert [one.resource for one in short.shortfalls] == [resource]


@pytest.mark.parametrize(
    ("target", "model"),
    [
        ({"board": "stm32f746g-disco"}, V2),
        ({"board": "nucleo-f412zg"}, V3),
        ({"board": "nucleo-f412zg"}, {"name": "mcunet", "input_size": 176}),
        ({"board": "nrf52840-dk"}, {"name": "mobilenet_v2", "width": 1.0, "input_size": 224}),
        ({"flash_bytes": 400_000}, V2),
    ],
)
def test_with_what_is_advised_the_network_fits(
    target: dict[str, Any], model: dict[str, Any]
) -> None:
    given = spec(target, model=model)

    advised = verdict(given).remedies

    assert advised
    for remedy in advised:
        small = changed(
            given, **{name.removeprefix("model."): to for name, to in remedy.changes.items()}
        )
        assert verdict(small).fits
        assert report(small).profile.needs == remedy.needs


def test_the_largest_input_that_fits_is_advised() -> None:
    given = spec({"board": "stm32f746g-disco"}, model=V2)

    (advised,) = verdict(given).remedies

    assert advised.changes == {"model.input_size": 144}
    assert not verdict(changed(given, input_size=152)).fits


def test_the_largest_width_that_fits_is_advised_where_weights_are_too_many() -> None:
    given = spec({"flash_bytes": 400_000}, model=V2)

    (advised,) = verdict(given).remedies

    assert advised.changes == {"model.width": 0.25}
    assert not verdict(changed(given, width=0.3)).fits


def test_the_stems_stride_is_advised_where_it_is_enough() -> None:
    advised = verdict(spec({"board": "nucleo-f412zg"}, model=V3)).remedies

    assert {"model.stem_stride": 2} in [remedy.changes for remedy in advised]


def test_a_detector_is_advised_a_size_that_its_scales_fit() -> None:
    sections: dict[str, Any] = {"task": "detection", "augment": None}
    given = spec({"sram_bytes": 300_000}, model={**V2, "input_size": 256}, **sections)

    (advised,) = verdict(given).remedies

    assert advised.changes == {"model.input_size": 128}


def test_an_input_that_is_too_small_for_the_strides_is_not_advised() -> None:
    given = spec({"sram_bytes": 16_000}, model=V2)  # 24 pixels need 16,832, and 16 are too few

    advised = verdict(given).remedies

    assert all(remedy.changes["model.input_size"] >= 24 for remedy in advised)


def test_boards_that_hold_the_network_are_named_smallest_first() -> None:
    named = verdict(spec({"board": "stm32f746g-disco"}, model=V2)).boards

    assert named == ("ambiq-apollo3-blue-evb", "esp32-s3-devkitc-1", "arduino-nicla-vision")
    assert verdict(spec({"max_macs": 1000}, model=V2)).boards == ()


def test_an_explanation_says_what_is_short_where_and_what_helps() -> None:
    found = report(spec({"board": "stm32f746g-disco"}, model=V2))
    assert found.verdict is not None

    assert verdicts.explanation(found.profile, found.verdict) == (
        "target: the network needs 392,192 bytes of SRAM, 384,000 for activations, with the peak "
        "at blocks.1.depthwise, and 8,192 for the stack, and stm32f746g-disco has 327,680; set "
        "model.input_size to 144, or take a board that holds it (ambiq-apollo3-blue-evb, "
        "esp32-s3-devkitc-1, arduino-nicla-vision), or set target.enforce to false to train it "
        "all the same"
    )


def test_where_nothing_helps_that_is_said() -> None:
    found = report(spec({"max_macs": 1000}, model=V2))
    assert found.verdict is not None

    assert found.verdict.remedies == ()
    assert "no smaller input or width" in verdicts.explanation(found.profile, found.verdict)


def test_a_verdict_takes_a_moment() -> None:
    target = {"sram_bytes": 40_000, "flash_bytes": 60_000}
    given = spec(target, model={"name": "resnet50", "input_size": 224, "stem_stride": 1})
    times = []
    for _ in range(3):  # other work on the machine may disturb one
        begun = time.perf_counter()
        report(given)
        times.append(time.perf_counter() - begun)

    assert min(times) < LONGEST_S
