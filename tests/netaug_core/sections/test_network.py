"""A user's own network: checked, and the same table from Python."""

import copy
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.sections.network import NetworkSpec
from netaug_core.spec import load_spec
from netaug_core.vocabulary import BasicBlock, InvertedBlock, SeparableBlock
from tests.netaug_core.networks import OWN, each_network, own


def changed(**parts: Any) -> dict[str, Any]:
    return copy.deepcopy(OWN) | parts


def options(network: Architecture) -> ModelOptions:
    return ModelOptions(network.num_classes, network.in_channels)


@each_network
def test_every_network_is_a_table_and_back(network: Architecture) -> None:
    document = NetworkSpec.of(network).model_dump(mode="json")

    again = NetworkSpec.model_validate(yaml.safe_load(yaml.safe_dump(document)))

    assert again.architecture(network.name, options(network)) == network


def test_a_block_takes_the_channels_before_it_and_a_shortcut_where_it_fits() -> None:
    separable, strided, inverted, basic, *_ = own().blocks

    assert isinstance(separable, SeparableBlock)
    assert separable.shortcut
    assert isinstance(strided, InvertedBlock)
    assert (strided.in_channels, strided.shortcut) == (6, False)
    assert isinstance(inverted, InvertedBlock)
    assert inverted.shortcut
    assert isinstance(basic, BasicBlock)
    assert not basic.projection


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (changed(blocks=[]), "at least 1 item"),
        (changed(stem={"out_channels": 0}), "greater than or equal to 1"),
        (changed(stem={"out_channels": 8, "kernel": 4}), "kernel must be odd.*use 3 or 5"),
        (changed(stem={"out_channels": 8, "stride": 3}), "Input should be 1 or 2"),
        (changed(stem={"out_channels": 8, "colour": 1}), "Extra inputs are not permitted"),
        (changed(blocks=[{"type": "dense", "out_channels": 8}]), "dense"),
        (
            changed(blocks=[{"type": "separable", "out_channels": 8, "shortcut": True}]),
            r"blocks.0: .*stride 1, 6 channels in, 8 out; leave shortcut out",
        ),
        (
            changed(
                blocks=[
                    {"type": "basic", "out_channels": 8, "mid_channels": 8, "projection": False}
                ]
            ),
            r"blocks.0: .*leave projection out",
        ),
    ],
)
def test_a_table_that_is_no_network_is_refused_with_the_place(
    document: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        NetworkSpec.model_validate(document)


def test_the_example_is_a_valid_job(pytestconfig: pytest.Config) -> None:
    spec = load_spec(pytestconfig.rootpath / "examples" / "own-network.yaml")

    network = spec.model.architecture(num_classes=10, in_channels=1)

    assert network.name == "custom"
    assert len(network.blocks) > 1
