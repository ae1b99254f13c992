from typing import Any

import pytest
from pydantic import ValidationError

from netaug_core.sections.model import ModelSpec
from tests.netaug_core.networks import OWN


@pytest.mark.parametrize(
    ("name", "width"),
    [("mobilenet_v2", 0.35), ("mobilenet_v2_tiny", 0.35), ("mcunet", 1.0), ("resnet50", 1.0)],
)
def test_a_family_brings_its_own_width_and_keeps_it_when_read_again(
    name: str, width: float
) -> None:
    spec = ModelSpec(name=name)

    assert spec.width == width
    assert ModelSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_an_own_network_is_the_same_when_read_again() -> None:
    spec = ModelSpec.model_validate({"name": "custom", "network": OWN})

    assert ModelSpec.model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"name": "mcunet", "width": 0.5}, "mcunet has the fixed width 1.0; leave width out"),
        ({"name": "mobilenet_v2_tiny", "width": 1.0}, "fixed width 0.35"),
        ({"name": "custom", "network": OWN, "width": 0.5}, "write the channels into network"),
        ({"name": "custom", "network": OWN, "stem_stride": 1}, "set network.stem.stride to 1"),
        ({"name": "custom"}, "got the name custom without a network"),
        ({"name": "mcunet", "network": OWN}, "got the name mcunet with a network"),
        ({"name": "mobilenet_v9"}, "choose one of mcunet, .*, custom"),
        ({"name": "mcunet", "drop_block_size": 4}, "drop_block_size must be odd; use 3 or 5"),
        ({"name": "mcunet", "drop_path": 1.0}, "drop_path\n.*less than 1"),
        ({"name": "mcunet", "drop_block": -0.1}, "drop_block\n.*greater than or equal to 0"),
    ],
)
def test_a_wrong_model_is_told_with_its_remedy(document: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        ModelSpec.model_validate(document)
