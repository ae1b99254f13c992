"""The `detection` section: which detector, how its pictures vary, how it is scored."""

import math
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictBool, field_validator, model_validator
from pydantic_core import PydanticCustomError

from netaug_core.architectures import Architecture
from netaug_core.detectors import registry
from netaug_core.detectors.table import Detector
from netaug_core.sections.fields import Count, Fraction, Number, Section

Side = Annotated[int, Field(strict=True, ge=32, le=1024)]
Shape: TypeAlias = tuple[Number, Number]
MAX_SIDES = 16
YOLOV3_ANCHORS = 9


class DetectionSpec(Section):
    """The detector on the backbone that `model` names, at any of its widths."""

    detector: Literal["yolov3", "ssdlite"] = Field(
        "yolov3",
        description="yolov3: three scales joined by a neck, the NetAug paper's. ssdlite: six "
        "scales, each with its own heads.",
    )
    width: Number = Field(
        1.0, ge=0.1, le=2.0, description="Width multiplier of the layers that ssdlite adds."
    )
    anchors: tuple[Shape, ...] | None = Field(
        None,
        description="yolov3's nine anchors, width and height in pixels at model.input_size. Null: "
        "found in the training pictures by k-means with the distance 1 - IoU.",
        examples=[[[10, 13], [16, 30], [33, 23]]],
    )
    box_loss: Literal["squared", "giou", "ciou"] = Field(
        "squared",
        description="yolov3's. squared: as in its paper. giou (Rezatofighi et al. 2019), ciou "
        "(Zheng et al. 2020): by overlap.",
    )
    widen_neck: StrictBool = Field(
        False,
        description="NetAug draws wider necks and heads too, not the backbone alone. What predicts "
        "keeps its outputs.",
    )
    resize: Literal["letterbox", "stretch"] = Field(
        "stretch", description="letterbox keeps a picture's proportions and fills up."
    )
    sides: tuple[Side, ...] = Field(
        (),
        max_length=MAX_SIDES,
        description="Multi-scale training: each batch has one of these input sides. None given: "
        "model.input_size. Evaluation is always at that.",
    )
    crop: StrictBool = Field(True, description="SSD's random crops, which keep objects.")
    zoom_out: StrictBool = Field(True, description="SSD's zoom-out, before the crop.")
    mosaic: Fraction = Field(0.0, description="Share of training pictures put together of four.")
    colours: StrictBool = Field(
        True, description="SSD's changes of brightness, contrast, saturation and hue."
    )
    metric: Literal["ap50", "ap50_voc07", "ap"] = Field(
        "ap50",
        description="Picks the best epoch. ap50: mean average precision at an overlap of 0.5, area "
        "below the curve (VOC since 2010). ap50_voc07: over eleven recalls. ap: COCO's mean over "
        "overlaps from 0.5 to 0.95.",
    )
    score_threshold: Number = Field(
        0.005, ge=0.0, lt=1.0, description="Boxes that are less sure are dropped."
    )
    nms_threshold: Number = Field(
        0.45,
        gt=0.0,
        le=1.0,
        description="Non-maximum suppression: overlap (IoU) from which a less sure box of the same "
        "class goes.",
    )
    detections_per_image: Count = Field(100, ge=1, le=1000, description="Most boxes kept.")
    decode_in_graph: StrictBool = Field(
        False,
        description="model.onnx gives boxes and scores, not the raw numbers of the anchors. "
        "Suppression stays outside.",
    )

    @field_validator("anchors")
    @classmethod
    def _are_nine_sizes(cls, anchors: tuple[Shape, ...] | None) -> tuple[Shape, ...] | None:
        if anchors is None:
            return None
        if len(anchors) != YOLOV3_ANCHORS:
            raise PydanticCustomError(
                "anchors_count",
                "give {wanted} anchors, three for each of three scales, or null; got {count}",
                {"wanted": YOLOV3_ANCHORS, "count": len(anchors)},
            )
        for index, shape in enumerate(anchors):
            if not all(0 < side < math.inf for side in shape):
                raise PydanticCustomError(
                    "anchor_size",
                    "anchor {index} needs a width and a height above 0 pixels; got {shape}",
                    {"index": index, "shape": str(list(shape))},
                )
        return anchors

    @model_validator(mode="after")
    def _fields_are_the_detectors(self) -> "DetectionSpec":
        if self.detector == "ssdlite":
            for field, default in (("anchors", None), ("box_loss", "squared")):
                if getattr(self, field) != default:
                    raise PydanticCustomError(
                        "not_of_ssdlite",
                        "{field} is yolov3's, and the detector is ssdlite: leave {field} out, or "
                        "use yolov3",
                        {"field": field},
                    )
        elif self.width != 1.0:
            raise PydanticCustomError(
                "not_of_yolov3",
                "width is ssdlite's: yolov3's neck has fixed widths; leave width out, and set "
                "model.width for the backbone",
                {},
            )
        return self

    def table(self, network: Architecture) -> Detector:
        """The detector on a classifier's network, whose classes are those of the objects.

        Raises:
            ValueError: the network has no blocks at a stride that the detector reads.
        """
        return registry.build(self.detector, network, width=self.width)
