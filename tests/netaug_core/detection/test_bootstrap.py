"""The bootstrap's interval is that of scoring the drawn pictures one resample after the other."""

import numpy as np
import pytest

from netaug_core.detection import average_precision, bootstrap
from netaug_core.detection.annotation import Annotation
from netaug_core.detection.average_precision import Definition
from netaug_core.detection.matching import Detections
from netaug_core.statistics import LEVEL
from tests.netaug_core.detection.detections import by_hand, found_of, many, truth_of

NAMES = ("a", "b", "c")
RESAMPLES = 40


def worse(found: list[Detections]) -> list[Detections]:
    """Without every third detection, the others less sure by their place."""
    return [
        Detections(
            one.boxes[keep], one.scores[keep] * np.linspace(1, 0.5, keep.sum()), one.labels[keep]
        )
        for one in found
        for keep in [np.arange(len(one.labels)) % 3 != 0]
    ]


def rare(truth: list[Annotation]) -> list[Annotation]:
    """Objects of the last class are in the first two pictures only."""
    return [
        Annotation(
            one.width,
            one.height,
            one.boxes,
            one.labels if number < 2 else one.labels % 2,
            one.difficult,
            one.crowd,
            one.areas,
        )
        for number, one in enumerate(truth)
    ]


@pytest.mark.parametrize("definition", ["voc10", "voc07"])
def test_it_is_that_of_scoring_each_resample(
    definition: Definition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", RESAMPLES)
    monkeypatch.setattr(bootstrap, "AT_ONCE", RESAMPLES)
    truth, first = many(num_pictures=8)
    truth = rare(truth)  # some resamples have no object of the last class
    second = worse(first)

    found = bootstrap.compare(truth, first, second, num_classes=3, definition=definition)

    draws = np.random.default_rng(bootstrap.SEED).multinomial(8, np.full(8, 1 / 8), RESAMPLES)
    differences = []
    for counts in draws:
        taken = np.repeat(np.arange(8), counts)
        one, other = (
            average_precision.score(
                [truth[n] for n in taken], [answers[n] for n in taken], NAMES, definition
            ).mean
            for answers in (first, second)
        )
        differences.append(one - other)
    assert (draws[:, :2].sum(1) == 0).any()
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    assert low < high
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_equal_detectors_do_not_differ() -> None:
    truth, found = by_hand()

    interval = bootstrap.compare(truth, found, found, num_classes=1, definition="voc10")

    assert (interval.low, interval.high) == (0.0, 0.0)


def test_a_detector_that_finds_nothing_loses_all_that_the_other_finds() -> None:
    truth = [truth_of([(0, 0, 10, 10)])] * 3
    found = [found_of(((0, 0, 10, 10), 0.9))] * 3

    interval = bootstrap.compare(truth, found, [found_of()] * 3, num_classes=1, definition="voc07")

    assert (interval.low, interval.high) == (1.0, 1.0)
