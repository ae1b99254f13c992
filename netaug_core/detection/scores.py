"""How good a detector is on a part of a dataset, in one of the known definitions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from netaug_core.detection import average_precision, coco_score
from netaug_core.detection.annotation import Annotation
from netaug_core.detection.average_precision import Definition, VocScore
from netaug_core.detection.matching import Detections

Metric = Literal["ap50", "ap50_voc07", "ap"]
DEFINITIONS: dict[Metric, Definition] = {"ap50": "voc10", "ap50_voc07": "voc07", "ap": "voc10"}


@dataclass(frozen=True, eq=False)
class DetectionScores:
    """Scores in 0..1.

    Attributes:
        loss: that of training, mean over the pictures; the tiny network's.
        metric: which number counts.
        voc: at an overlap of 0.5, class by class.
        ap: COCO's mean over overlaps from 0.5 to 0.95; None if it was not asked for.
        num_images: of the part.
    """

    loss: float
    metric: Metric
    voc: VocScore
    ap: float | None
    num_images: int

    @property
    def score(self) -> float:
        """What picks the best epoch."""
        if self.metric == "ap":
            assert self.ap is not None  # noqa: S101  # `score` below sees to it
            return self.ap
        return self.voc.mean

    def values(self) -> dict[str, float]:
        """What is told of them, by name."""
        named = {"ap50_voc07" if self.metric == "ap50_voc07" else "ap50": self.voc.mean}
        if self.ap is not None:
            named["ap"] = self.ap
        return {"loss": self.loss, **named}


def score(
    truth: Sequence[Annotation],
    found: Sequence[Detections],
    class_names: Sequence[str],
    metric: Metric,
    loss: float,
) -> DetectionScores:
    """Scores of what was found in the pictures of `truth`."""
    ap = None
    if metric == "ap":
        ap = coco_score.score(truth, found, class_names).ap or 0.0
    voc = average_precision.score(truth, found, class_names, DEFINITIONS[metric])
    return DetectionScores(loss, metric, voc, ap, len(truth))
