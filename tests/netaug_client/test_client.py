"""What the Python client reads beside jobs, from a real platform."""

import pytest

from netaug_client.client import Client
from netaug_client.errors import NotFound


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
