"""Small networks of every family, and of every kind of detector, as graphs."""

from netaug_core.graph import building
from netaug_core.graph.operations import Graph
from tests.netaug_core.detector_tables import DETECTORS, NAMES, classifier

CLASSIFIERS = NAMES
SOME_DETECTORS = ("yolov3-mobilenet_v2", "yolov3-custom", "ssdlite-mobilenet_v3")
SIDE, DETECTOR_SIDE = 32, 64


def graph(name: str) -> Graph:
    if name in DETECTORS:
        return building.of_table(DETECTORS[name], DETECTOR_SIDE)
    return building.of_table(classifier(name), SIDE)
