"""What the Python client reads beside jobs, from a real platform."""

import pytest

from netaug_client.client import Client
from netaug_client.errors import Invalid, NotFound
from tests.netaug_client.conftest import TINY


def test_presets_are_listed_and_taken_by_name(client: Client) -> None:
    listed = client.presets.list()
    preset = client.presets.get("transfer/pets/mcunet")

    assert {item.name for item in listed} >= {"paper/mcunet", preset.name}
    assert (preset.needs, preset.spec["training"]["learning_rate"]) == (
        ("pretrained.weights",),
        0.04,
    )
    with pytest.raises(NotFound, match="most similar is transfer/pets/mcunet"):
        client.presets.get("pets/mcunet")


def test_a_profile_and_the_boards_are_the_servers(client: Client) -> None:
    names = [board.name for board in client.boards.list()]
    profile = client.jobs.profile({**TINY, "target": {"board": names[0]}})

    assert "stm32f746g-disco" in names
    assert profile.verdict is not None
    assert (profile.verdict.fits, profile.verdict.limits.board) == (True, names[0])
    assert profile.layers[0].name == "stem"
    with pytest.raises(Invalid, match="sram_bytes"):
        client.jobs.profile({**TINY, "target": {"sram_bytes": 0}})


def test_a_job_that_does_not_fit_its_target_is_not_made(client: Client) -> None:
    with pytest.raises(Invalid, match="target: the network needs"):
        client.jobs.submit({**TINY, "target": {"sram_bytes": 1000}})
