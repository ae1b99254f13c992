"""What YOLOv3's numbers mean, and how they are learnt.

Of an anchor: x, y, width, height, objectness, and each class. The centre is cell + sigmoid(x, y),
the size anchor x exp(w, h); objectness and classes are independent (sigmoids).
Source: Redmon and Farhadi, YOLOv3, 2018, sections 2.1 and 2.2. What the paper leaves open is said
where it is decided. B pictures, N anchors, M objects, P pairs, K classes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import (  # type: ignore[import-untyped]  # ships no types
    box_area,
    box_convert,
    box_iou,
    complete_box_iou_loss,
    generalized_box_iou_loss,
)

from netaug_core.detection import assignment, priors
from netaug_core.detection.anchors import by_level
from netaug_core.detection.assignment import Assignment, LossTerms
from netaug_core.detection.boxes import Objects
from netaug_core.detection.priors import Priors
from netaug_core.detectors.table import Detector, Shape

BoxLoss: TypeAlias = Literal["squared", "giou", "ciou"]
IOU_LOSSES = {"giou": generalized_box_iou_loss, "ciou": complete_box_iou_loss}
VALUES = 5  # before those of the classes
# An anchor that overlaps an object more than this without being its best is not told it is wrong.
IGNORE_OVERLAP = 0.5
# exp of more is no size any more; as in torchvision's box coder.
MOST_LOG_SCALE = math.log(1000 / 16)


@dataclass(frozen=True)
class Yolov3Coding:
    """Encodes objects for a yolov3 detector, and decodes what it answers.

    Attributes:
        detector: its table.
        shapes: of the anchors, level by level.
        box_loss: squared: as in the paper, cross-entropy of x and y besides; giou or ciou: in the
            place of both (Rezatofighi et al. 2019; Zheng et al. 2020).
    """

    detector: Detector
    shapes: Sequence[Sequence[Shape]]
    box_loss: BoxLoss = "squared"

    @classmethod
    def of(
        cls, detector: Detector, shapes: Sequence[Shape], box_loss: BoxLoss = "squared"
    ) -> "Yolov3Coding":
        """With these anchors, in any order.

        Raises:
            ValueError: there are more or fewer than the detector has, or one is no size.
        """
        return cls(detector, by_level(shapes, detector), box_loss)

    def priors(self, input_size: int, device: torch.device) -> Priors:
        """The anchors of an input."""
        return priors.make(self.detector.grids(input_size), self.shapes, input_size, device)

    def assign(self, objects: Objects, num_pictures: int, known: Priors) -> Assignment:
        """To each object the one anchor of all scales whose shape is nearest, at its centre's cell.

        Where two objects want the same anchor the later one gets it, as in the authors' code. The
        overlap that an anchor is spared for is its own, not its prediction's: as the paper's text
        says, and then all passes of a step share it.
        """
        places = objects.picture * len(known) + self._best_anchors(objects, known)
        is_sought = ~objects.ignore
        wanted = objects.take(is_sought)
        owners = assignment.latest(places[is_sought], num_pictures * len(known))
        found = torch.nonzero(owners >= 0)[:, 0]
        owner = owners[found]
        overlaps = box_iou(objects.boxes, known.boxes)  # (M, N)
        most = assignment.most_overlap(overlaps, objects.picture, num_pictures)
        counted = (most <= IGNORE_OVERLAP).view(-1)
        counted[places[objects.ignore]] = False
        counted[found] = True
        return Assignment.of(
            found, wanted.boxes[owner], wanted.labels[owner], counted.view(num_pictures, -1)
        )

    def loss(self, raw: Tensor, targets: Assignment, known: Priors) -> LossTerms:
        """Sums over the anchors, over the number of objects found: any dataset has a like rate.

        At least one a picture is counted: a batch of empty pictures would else outweigh all others.

        Args:
            raw: (B, N, 5 + K).
            targets: of these pictures.
            known: the anchors of these pictures' size.
        """
        raw = raw.float()
        answers = raw.flatten(0, 1)[targets.anchors]  # (P, 5 + K)
        scale = 1 / max(targets.mean_pairs, len(raw))
        objectness = F.binary_cross_entropy_with_logits(
            raw[..., 4],
            targets.is_object.to(raw.dtype),
            weight=targets.counted.to(raw.dtype),
            reduction="sum",
        )
        classes = F.one_hot(targets.labels, raw.shape[2] - VALUES).to(raw.dtype)
        crossed = F.binary_cross_entropy_with_logits(answers[:, VALUES:], classes, reduction="sum")
        return LossTerms(
            boxes=self._box_loss(answers, targets, known) * scale,
            objectness=objectness * scale,
            classes=crossed * scale,
        )

    def decode(self, raw: Tensor, known: Priors) -> tuple[Tensor, Tensor]:
        """Boxes (B, N, 4) in pixels, and scores (B, N, K): objectness times the class's."""
        boxes = _boxes(raw[..., :4], known)
        return boxes, raw[..., 4:5].sigmoid() * raw[..., VALUES:].sigmoid()

    def _best_anchors(self, objects: Objects, known: Priors) -> Tensor:
        """(M,): for each object, which of the N anchors."""
        device, each = objects.boxes.device, self.detector.anchors_per_cell
        place = box_convert(objects.boxes, "xyxy", "cxcywh")
        shapes = torch.tensor(self.shapes, device=device).flatten(0, 1)  # (levels x each, 2)
        best = _shape_overlap(place[:, 2:], shapes).argmax(1)
        level = best // each
        sides = torch.tensor(known.sides, device=device)
        starts: Tensor = (each * sides**2).cumsum(0) - each * sides**2  # a level's first anchor
        side = sides[level]
        centre = place[:, :2] * side[:, None] / known.input_size  # in cells
        column, row = centre.long().clamp(min=0).minimum(side[:, None] - 1).unbind(1)
        anchors: Tensor = starts[level] + (row * side + column) * each + best % each
        return anchors

    def _box_loss(self, answers: Tensor, targets: Assignment, known: Priors) -> Tensor:
        own = known.take(targets.anchors % len(known))
        if self.box_loss != "squared":
            found = _boxes(answers[:, :4], own)
            loss: Tensor = IOU_LOSSES[self.box_loss](found, targets.boxes, reduction="sum")
            return loss
        code = encode(targets.boxes, own)
        # Small objects count up to twice as much, as in the authors' code.
        weight = 2 - box_area(targets.boxes)[:, None] / known.input_size**2
        crossed = F.binary_cross_entropy_with_logits(
            answers[:, :2], code[:, :2], weight=weight, reduction="sum"
        )
        squared: Tensor = (weight * (answers[:, 2:4] - code[:, 2:]).square()).sum()
        return crossed + squared


def encode(boxes: Tensor, known: Priors) -> Tensor:
    """(P, 4): what these anchors should say: sigmoids of x and y, then w and h."""
    place = box_convert(boxes, "xyxy", "cxcywh")
    centre = ((place[:, :2] - known.cells) / known.steps).clamp(0, 1)
    return torch.cat([centre, (place[:, 2:] / known.shapes).log()], 1)


def _boxes(raw: Tensor, known: Priors) -> Tensor:
    """(..., 4): left, top, right, bottom of the numbers (..., 4) of these anchors."""
    centre = known.cells + raw[..., :2].sigmoid() * known.steps
    # Below too: a size that float32 takes for 0 makes a NaN of ciou's angle.
    half = raw[..., 2:].clamp(-MOST_LOG_SCALE, MOST_LOG_SCALE).exp() * known.shapes / 2
    return torch.cat([centre - half, centre + half], -1)


def _shape_overlap(some: Tensor, others: Tensor) -> Tensor:
    """IoU of each size (M, 2) with each other one, on a common centre: (M, n)."""
    common = torch.minimum(some[:, None], others).prod(2)
    return common / (some.prod(1)[:, None] + others.prod(1) - common)
