"""Graphs against the tables that they are made of."""

import pytest

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.detectors.yolov3 import yolov3
from netaug_core.families.registry import FAMILIES
from netaug_core.graph import building
from netaug_core.graph.operations import IMAGE, Add, Graph, Scale, Shape
from netaug_core.vocabulary import ConvLayer, InvertedBlock

INPUT_SIZE = 64
STEM = ConvLayer(in_channels=3, out_channels=4, kernel=3, stride=2)


def family(name: str) -> Architecture:
    return FAMILIES[name].build(ModelOptions(num_classes=10, width=FAMILIES[name].width))


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_classifiers_graph_ends_in_its_logits(name: str) -> None:
    graph = building.of_table(family(name), INPUT_SIZE)

    assert graph.outputs == ("classifier",)
    assert graph.shapes["classifier"] == Shape(1, 1, 10)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_detectors_graph_ends_in_the_predictions_of_its_scales(name: str) -> None:
    graph = building.of_table(yolov3(family(name)), INPUT_SIZE)

    assert [graph.shapes[output].height for output in graph.outputs] == [2, 4, 8]


def test_squeeze_and_excitation_scales_what_is_projected() -> None:
    block = InvertedBlock(
        in_channels=4, mid_channels=8, out_channels=4, squeeze_channels=2, shortcut=True
    )
    table = Architecture(name="one", stem=STEM, blocks=(block,), final=None, num_classes=2)

    graph = building.of_table(table, 16)

    made = {one.name: one for one in graph.operations}
    assert made["stem"].inputs == (IMAGE,)
    assert made["blocks.0.scale"] == Scale(
        name="blocks.0.scale", inputs=("blocks.0.depthwise", "blocks.0.excite")
    )
    assert made["blocks.0.project"].inputs == ("blocks.0.scale",)
    assert made["blocks.0.add"] == Add(
        name="blocks.0.add", inputs=("blocks.0.project", "stem"), activation="none"
    )


def test_an_operation_reads_what_was_made_before_it() -> None:
    later = Add(name="add", inputs=(IMAGE, "later"), activation="none")

    with pytest.raises(ValueError, match="add must read what was made before it"):
        Graph((later,), {IMAGE: Shape(1, 1, 1), "add": Shape(1, 1, 1)}, ("add",))
