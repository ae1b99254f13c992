"""What SSD's numbers mean, and how they are learnt: torchvision's definitions.

Of an anchor: x, y, width, height against the anchor's, then each class, the background first.
Source: Liu et al., SSD, 2016; torchvision.models.detection.ssd, ssdlite and _utils, from which
the anchors, the matching, the box code and the mining are taken. B pictures, N anchors, M objects,
P pairs, K classes.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import box_convert, box_iou  # type: ignore[import-untyped]  # ships no types

from netaug_core.detection import assignment, priors
from netaug_core.detection.assignment import Assignment, LossTerms
from netaug_core.detection.boxes import Objects
from netaug_core.detection.priors import Priors
from netaug_core.detectors.ssdlite import ASPECT_RATIOS, SCALES
from netaug_core.detectors.table import Detector, Shape

LEAST_OVERLAP = 0.5  # of an anchor with its object, but for each object's best anchor
NEGATIVES_PER_OBJECT = 3
CENTRE_WEIGHT, SIZE_WEIGHT = 10.0, 5.0  # of the box code
MOST_LOG_SCALE = math.log(1000 / 16)
BACKGROUND = 0


@dataclass(frozen=True)
class SsdCoding:
    """Encodes objects for an ssdlite detector, and decodes what it answers."""

    detector: Detector

    def priors(self, input_size: int, device: torch.device) -> Priors:
        """The anchors of an input."""
        grids = self.detector.grids(input_size)
        shapes = [_shapes(level, input_size) for level in range(len(grids))]
        return priors.make(grids, shapes, input_size, device)

    def assign(self, objects: Objects, num_pictures: int, known: Priors) -> Assignment:
        """To each anchor the object that it overlaps most, if enough; to each object one at least.

        Objects to ignore have no anchor; those that overlap one enough count for nothing.
        """
        overlaps = box_iou(objects.boxes, known.boxes)  # (M, N)
        ignored = objects.take(objects.ignore)
        spared = assignment.most_overlap(overlaps[objects.ignore], ignored.picture, num_pictures)
        wanted, overlaps = objects.take(~objects.ignore), overlaps[~objects.ignore]
        owners = _owners(overlaps, wanted.picture, num_pictures)
        found = torch.nonzero(owners >= 0)[:, 0]
        owner = owners[found]
        counted = (spared < LEAST_OVERLAP).view(-1)
        counted[found] = True
        return Assignment.of(
            found, wanted.boxes[owner], wanted.labels[owner], counted.view(num_pictures, -1)
        )

    def loss(self, raw: Tensor, targets: Assignment, known: Priors) -> LossTerms:
        """Sums over the pairs and the hardest empty anchors, over the number of pairs.

        The background is a class: the objectness term is that of the empty anchors.

        Args:
            raw: (B, N, 4 + 1 + K).
            targets: of these pictures.
            known: the anchors of these pictures' size.
        """
        raw = raw.float()
        scale = 1 / (targets.mean_pairs or 1.0)  # without any pair all terms are 0
        answers = raw.flatten(0, 1)[targets.anchors]  # (P, 4 + 1 + K)
        code = encode(targets.boxes, known.take(targets.anchors % len(known)))
        boxes = F.smooth_l1_loss(answers[:, :4], code, reduction="sum")
        classes = F.cross_entropy(answers[:, 4:], targets.labels + 1, reduction="sum")
        empty = F.cross_entropy(
            raw[..., 4:].flatten(0, 1),
            raw.new_full((raw.shape[0] * raw.shape[1],), BACKGROUND, dtype=torch.int64),
            reduction="none",
        ).view(raw.shape[:2])
        hardest = _hardest(empty.detach(), targets)
        return LossTerms(
            boxes=boxes * scale,
            objectness=empty[hardest].sum() * scale,
            classes=classes * scale,
        )

    def decode(self, raw: Tensor, known: Priors) -> tuple[Tensor, Tensor]:
        """Boxes (B, N, 4) in pixels, and scores (B, N, K): the classes' share beside background."""
        return _boxes(raw[..., :4], known), raw[..., 4:].softmax(-1)[..., 1:]


def encode(boxes: Tensor, known: Priors) -> Tensor:
    """(P, 4): what these anchors should say for these boxes."""
    place = box_convert(boxes, "xyxy", "cxcywh")
    centre = (place[:, :2] - known.centres) / known.shapes * CENTRE_WEIGHT
    size = (place[:, 2:] / known.shapes).log() * SIZE_WEIGHT
    return torch.cat([centre, size], 1)


def _boxes(raw: Tensor, known: Priors) -> Tensor:
    centre = known.centres + raw[..., :2] / CENTRE_WEIGHT * known.shapes
    half = (raw[..., 2:] / SIZE_WEIGHT).clamp(max=MOST_LOG_SCALE).exp() * known.shapes / 2
    return torch.cat([centre - half, centre + half], -1)


def _shapes(level: int, input_size: int) -> tuple[Shape, ...]:
    """A square, one between it and the next scale's, and pairs of oblongs; as large as the first.

    Cut at the side of the picture, as torchvision's are.
    """
    scale = SCALES[level]
    between = math.sqrt(scale * SCALES[level + 1])
    parts = [(scale, scale), (between, between)]
    for ratio in ASPECT_RATIOS:
        long, short = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
        parts += [(long, short), (short, long)]
    return tuple((min(w, 1.0) * input_size, min(h, 1.0) * input_size) for w, h in parts)


def _owners(overlaps: Tensor, picture: Tensor, num_pictures: int) -> Tensor:
    """(B x N,): each anchor's object, -1 without one; the first of those that overlap it alike."""
    num_objects, num_anchors = overlaps.shape
    most = assignment.most_overlap(overlaps, picture, num_pictures)
    numbers = torch.arange(num_objects, device=overlaps.device)[:, None].expand_as(overlaps)
    fits = (overlaps == most[picture]) & (overlaps >= LEAST_OVERLAP)
    nobody = num_objects
    first = torch.full_like(most, nobody, dtype=torch.int64).scatter_reduce(
        0, picture[:, None].expand_as(overlaps), numbers.masked_fill(~fits, nobody), "amin"
    )
    owners = first.masked_fill(first == nobody, -1).view(-1)
    if num_objects == 0:
        return owners
    places = picture * num_anchors + overlaps.argmax(1)
    best = assignment.latest(places, len(owners))
    return torch.where(best >= 0, best, owners)


def _hardest(losses: Tensor, targets: Assignment) -> Tensor:
    """(B, N) bool: of each picture's empty anchors the worst, three for each with an object."""
    is_object = targets.is_object
    wanted = NEGATIVES_PER_OBJECT * is_object.sum(1, keepdim=True)  # (B, 1)
    is_empty = targets.counted & ~is_object
    order = losses.masked_fill(~is_empty, -math.inf).sort(1, descending=True).indices
    return (order.sort(1).indices < wanted) & is_empty
