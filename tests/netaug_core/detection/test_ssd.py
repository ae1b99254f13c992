"""SSD's anchors, matching and loss, against torchvision's own."""

from dataclasses import replace
from types import SimpleNamespace

import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder, SSDMatcher
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD as TORCHVISION_SSD
from torchvision.ops import box_iou

from netaug_core.detection.boxes import Objects
from netaug_core.detection.priors import Priors
from netaug_core.detection.ssd import SsdCoding, encode
from tests.netaug_core.detection_cases import CPU, SIZE, SSD, objects, random_objects

CODING = SsdCoding(SSD)
CODER = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
PICTURES = 3


def known() -> Priors:
    return CODING.priors(SIZE, CPU)


def torchvisions_anchors() -> Tensor:
    generator = DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95)
    maps = [torch.zeros(1, 1, side, side) for side in SSD.grids(SIZE)]
    images = ImageList(torch.zeros(1, 3, SIZE, SIZE), [(SIZE, SIZE)])
    return generator(images, maps)[0]


def torchvisions_matches(wanted: Objects) -> list[Tensor]:
    matcher = SSDMatcher(0.5)
    of_picture = [wanted.take(wanted.picture == index) for index in range(PICTURES)]
    return [matcher(box_iou(one.boxes, known().boxes)) for one in of_picture]


def raw_output() -> Tensor:
    values = SSD.values_per_anchor
    return torch.randn(PICTURES, len(known()), values, generator=torch.Generator().manual_seed(2))


def test_the_anchors_are_torchvisions() -> None:
    torch.testing.assert_close(known().boxes, torchvisions_anchors(), rtol=1e-4, atol=1e-3)


def test_the_matching_is_torchvisions() -> None:
    wanted = random_objects(14, PICTURES)

    targets = CODING.assign(wanted, PICTURES, known())

    matches = torch.stack(torchvisions_matches(wanted))
    assert torch.equal(targets.is_object, matches >= 0)
    boxes = [wanted.boxes[wanted.picture == i][m[m >= 0]] for i, m in enumerate(matches)]
    assert torch.equal(targets.boxes, torch.cat(boxes))


def test_the_loss_is_torchvisions() -> None:
    wanted, raw = random_objects(14, PICTURES), raw_output()
    targets = CODING.assign(wanted, PICTURES, known())

    ours = CODING.loss(raw, targets, known())

    truth = [
        {
            "boxes": wanted.boxes[wanted.picture == i],
            "labels": wanted.labels[wanted.picture == i] + 1,
        }
        for i in range(PICTURES)
    ]
    theirs = TORCHVISION_SSD.compute_loss(
        SimpleNamespace(box_coder=CODER, neg_to_pos_ratio=3),
        truth,
        {"bbox_regression": raw[..., :4], "cls_logits": raw[..., 4:]},
        [known().boxes] * PICTURES,
        torchvisions_matches(wanted),
    )
    torch.testing.assert_close(ours.boxes, theirs["bbox_regression"], rtol=1e-4, atol=1e-5)
    classified = ours.objectness + ours.classes
    torch.testing.assert_close(classified, theirs["classification"], rtol=1e-4, atol=1e-5)


def test_an_ignored_object_spares_the_anchors_on_it() -> None:
    box = (16.0, 16.0, 48.0, 48.0)
    sought = CODING.assign(objects([box]), 1, known())

    ignored = CODING.assign(objects([box], ignore=[True]), 1, known())

    assert len(ignored.anchors) == 0
    overlaps = box_iou(torch.tensor([box]), known().boxes)
    assert torch.equal(~ignored.counted, overlaps >= 0.5)
    assert sought.counted.all()


def test_pictures_without_objects_teach_nothing() -> None:
    loss = CODING.loss(raw_output(), CODING.assign(objects([]), PICTURES, known()), known())

    assert loss.total.item() == 0


def test_the_code_is_torchvisions_and_decoding_inverts_it() -> None:
    wanted = random_objects(14, PICTURES)
    targets = CODING.assign(wanted, PICTURES, known())
    own = known().take(targets.anchors % len(known()))

    code = encode(targets.boxes, own)

    theirs = CODER.encode_single(targets.boxes, own.boxes)
    torch.testing.assert_close(code, theirs, rtol=1e-4, atol=1e-4)
    raw = raw_output().flatten(0, 1)
    raw[targets.anchors, :4] = code
    boxes, scores = CODING.decode(raw.view(PICTURES, len(known()), -1), known())
    torch.testing.assert_close(
        boxes.flatten(0, 1)[targets.anchors], targets.boxes, rtol=1e-4, atol=1e-3
    )
    assert scores.shape[2] == SSD.num_classes


def test_fewer_objects_than_devices_weigh_as_on_one_device() -> None:
    """Four devices with a picture each, of which one has an object with a single anchor."""
    box = known().boxes[40].tolist()
    raw = raw_output()[:1].expand(4, -1, -1)
    alone = CODING.assign(objects([tuple(box)]), 4, known())
    whole = CODING.loss(raw, alone, known()).total

    shares = []
    for picture in range(4):
        own = CODING.assign(objects([tuple(box)] if picture == 0 else []), 1, known())
        own = replace(own, mean_pairs=len(alone.anchors) / 4)
        shares.append(CODING.loss(raw[:1], own, known()).total)

    assert len(alone.anchors) < 4
    torch.testing.assert_close(torch.stack(shares).mean(), whole)
