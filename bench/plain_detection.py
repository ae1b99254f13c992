"""A detector's loss and post-processing the straightforward way: picture by picture.

As torchvision.models.detection.ssd does it; for comparison in detection_step.py only.
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import batched_nms, box_iou, clip_boxes_to_image

from netaug_core.detection.boxes import Objects
from netaug_core.detection.coding import Coding
from netaug_core.detection.priors import Priors
from netaug_core.detection.suppression import Found, Limits
from netaug_core.detection.yolov3 import IGNORE_OVERLAP, encode


def step_loss(raw: Tensor, objects: Objects, known: Priors) -> Tensor:
    """The same loss as Yolov3Coding's, squared."""
    loss, num_found = raw.new_zeros(()), 0
    for index, answers in enumerate(raw):
        wanted = objects.take(objects.picture == index)
        anchors = _best_anchors(wanted.boxes, known)
        num_found += len(anchors)
        counted = (box_iou(known.boxes, wanted.boxes) <= IGNORE_OVERLAP).all(1)
        counted[anchors] = True
        is_object = torch.zeros(len(known))
        is_object[anchors] = 1
        objectness = F.binary_cross_entropy_with_logits(
            answers[:, 4][counted], is_object[counted], reduction="sum"
        )
        loss = loss + objectness + _found_loss(answers[anchors], wanted, anchors, known)
    return loss / num_found


def _found_loss(answers: Tensor, wanted: Objects, anchors: Tensor, known: Priors) -> Tensor:
    code = encode(wanted.boxes, known.take(anchors))
    sides = wanted.boxes[:, 2:] - wanted.boxes[:, :2]
    weight = 2 - sides.prod(1, keepdim=True) / known.input_size**2
    centre = F.binary_cross_entropy_with_logits(
        answers[:, :2], code[:, :2], weight=weight, reduction="sum"
    )
    size = (weight * (answers[:, 2:4] - code[:, 2:]).square()).sum()
    labels = F.one_hot(wanted.labels, answers.shape[1] - 5).float()
    classes = F.binary_cross_entropy_with_logits(answers[:, 5:], labels, reduction="sum")
    return centre + size + classes


def _best_anchors(boxes: Tensor, known: Priors) -> Tensor:
    """Of each object: of the anchors at its centre's cells the one whose shape is nearest."""
    centre, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    inside = (centre[:, None] >= known.cells) & (centre[:, None] < known.cells + known.steps)
    common = torch.minimum(sides[:, None], known.shapes).prod(2)
    overlap = common / (sides.prod(1)[:, None] + known.shapes.prod(1) - common)
    return overlap.masked_fill(~inside.all(2), -1).argmax(1)


def postprocess(coding: Coding, raw: Tensor, known: Priors, limits: Limits) -> list[Found]:
    """As torchvision's SSD.postprocess_detections: class by class, then suppression."""
    found = []
    every_box, every_score = coding.decode(raw, known)
    for boxes, scores in zip(every_box, every_score, strict=True):
        clipped = clip_boxes_to_image(boxes, (known.input_size, known.input_size))
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        for label in range(scores.shape[1]):
            score = scores[:, label]
            keep = score > limits.least_score
            score, box = score[keep], clipped[keep]
            surest, order = score.topk(min(limits.candidates, len(score)))
            parts.append((box[order], surest, torch.full_like(surest, label, dtype=torch.int64)))
        box, score, labels = (torch.cat(part) for part in zip(*parts, strict=True))
        kept = batched_nms(box, score, labels, limits.overlap)[: limits.per_picture]
        found.append(Found(box[kept], score[kept], labels[kept]))
    return found
