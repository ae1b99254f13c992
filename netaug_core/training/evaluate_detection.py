"""What a detector finds in a part of a dataset, and its loss there.

B pictures, N anchors, V values of an anchor, n objects found.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from netaug_core.data.detection.feed import DetectionFeed, WholeBatch
from netaug_core.data.detection.parts import DetectionPart
from netaug_core.detection.boxes import Objects
from netaug_core.detection.matching import Detections
from netaug_core.detection.objective import DetectionObjective
from netaug_core.detection.suppression import Limits, in_pictures, suppress
from netaug_core.training.devices import ONE, Group, in_rounds

ROW = 7  # position of the picture, label, score, left, top, right, bottom


@dataclass(frozen=True, eq=False)
class Answers:
    """Attributes: found: in each picture, in the part's order. loss: mean over the pictures."""

    found: tuple[Detections, ...]
    loss: float


@dataclass(frozen=True)
class Reading:
    """What a detector's outputs mean.

    Attributes:
        objective: of one device alone; its coding decodes.
        limits: what is kept.
    """

    objective: DetectionObjective
    limits: Limits

    def decode(self, raw: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Boxes (B, N, 4) in pixels of the input, and scores (B, N, K) of the classes."""
        known = self.objective.known(size, raw.device)
        return self.objective.coding.decode(raw.float(), known)

    def keep(self, boxes: Tensor, scores: Tensor, batch: WholeBatch) -> list[Detections]:
        """What is left after suppression, in pixels of the pictures."""
        size = batch.images.shape[-1]
        return in_pictures(suppress(boxes, scores, self.limits, input_size=size), batch.placements)


@torch.no_grad()
def predict(
    network: nn.Module,
    part: DetectionPart,
    feed: DetectionFeed,
    reading: Reading,
    before_batch: Callable[[], None],
    group: Group = ONE,
) -> Answers:
    """Leaves the network in eval mode.

    Several devices take turns with the batches; each picture is seen once, and each device returns
    the answers of all.

    Args:
        network: gives raw outputs (B, N, V).
        part: of the dataset.
        feed: loads it.
        reading: what its outputs mean.
        before_batch: called in each round.
        group: of the devices.
    """
    network.eval()
    rows, total = [torch.empty(0, ROW, dtype=torch.float64)], 0.0
    for batch in in_rounds(feed.evaluation(part), len(part), group, feed.evaluation_batch):
        before_batch()
        if batch is not None:
            raw = network(batch.images)
            rows.append(_rows(find(raw, batch, reading), batch))
            total += _loss(raw, part, batch, reading.objective)
    sums = torch.tensor([total], dtype=torch.float64)
    group.add_up(sums)
    return Answers(_by_picture(group.gather(torch.cat(rows)), len(part)), float(sums) / len(part))


def find(raw: Tensor, batch: WholeBatch, reading: Reading) -> list[Detections]:
    """The objects that raw outputs (B, N, V) tell of, in pixels of the pictures."""
    size = batch.images.shape[-1]
    return reading.keep(*reading.decode(raw, size), batch)


def objects_of(part: DetectionPart, batch: WholeBatch) -> Objects:
    """What there is to find, in pixels of the input, on the images' device."""
    annotations = [part.annotations[position] for position in batch.positions.tolist()]
    boxes = [
        placement.apply(torch.from_numpy(annotation.boxes))
        for annotation, placement in zip(annotations, batch.placements, strict=True)
    ]
    counts = torch.tensor([len(annotation) for annotation in annotations])
    return Objects(
        boxes=torch.cat(boxes),
        labels=torch.from_numpy(np.concatenate([a.labels for a in annotations])),
        picture=torch.arange(len(annotations)).repeat_interleave(counts),
        ignore=torch.from_numpy(np.concatenate([a.ignored for a in annotations])),
    ).to(batch.images.device)


def _loss(
    raw: Tensor, part: DetectionPart, batch: WholeBatch, objective: DetectionObjective
) -> float:
    """The batch's, times its pictures."""
    if not raw.isfinite().all():
        return math.nan
    targets = objective.prepare(batch.images, objects_of(part, batch))
    return float(objective(raw, targets)) * len(raw)


def _rows(found: Sequence[Detections], batch: WholeBatch) -> Tensor:
    """All that was found, a row each, (n, ROW)."""
    rows = [
        np.column_stack(
            [
                np.full(len(one.labels), position, np.float64),
                one.labels,
                one.scores,
                one.boxes.reshape(-1, 4),
            ]
        )
        for one, position in zip(found, batch.positions.tolist(), strict=True)
    ]
    return torch.from_numpy(np.concatenate(rows))


def _by_picture(rows: Tensor, count: int) -> tuple[Detections, ...]:
    """The rows of each picture, in their order."""
    values = rows.numpy()
    order = np.argsort(values[:, 0], kind="stable")
    values = values[order]
    ends = np.searchsorted(values[:, 0], np.arange(count), side="right")
    return tuple(
        Detections(
            boxes=part[:, 3:].astype(np.float32),
            scores=part[:, 2].astype(np.float32),
            labels=part[:, 1].astype(np.int64),
        )
        for part in np.split(values, ends[:-1])
    )
