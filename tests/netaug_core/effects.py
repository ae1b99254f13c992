"""What each field of a spec changes: for every field a value that must lead to other weights.

A new field gets a line in one of the tables; until then test_effects.py fails.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.netaug_core import small_detection, small_training
from tests.netaug_core.small_training import FINISHED

Document = dict[str, Any]
OTHER_DATASET = "swapped"  # the same pictures, their classes exchanged
OTHER_FINISHED = "other.safetensors"


@dataclass(frozen=True)
class To:
    """Another value for a field.

    Attributes:
        value: that the field gets.
        given: what else the spec says, with and without it: where the field means something.
        small: the training that is changed.
    """

    value: object
    given: Document = field(default_factory=dict)
    small: Document = field(default_factory=lambda: small_training.DOCUMENT)


def of_detector(value: object, given: Document | None = None) -> To:
    return To(value, given or {}, small_detection.DOCUMENT)


FAMILY: Document = {
    "model": {"name": "mobilenet_v2", "width": 0.1, "input_size": 32, "network": None},
    "augment": None,
}
BLOCKS: Document = {
    "model": {
        "network": {
            "stem": {"out_channels": 4, "stride": 2},
            "blocks": [
                {"type": "separable", "out_channels": 4},
                {"type": "inverted", "out_channels": 4, "mid_channels": 7},
                {"type": "basic", "out_channels": 4, "mid_channels": 5},
                {"type": "bottleneck", "out_channels": 4, "mid_channels": 3},
            ],
        }
    }
}
CONVOLUTION: Document = {"out_channels": 8, "kernel": 1}
POOL: Document = {"model": {"network": {"pool": {}}}}
FINAL: Document = {"model": {"network": {"final": CONVOLUTION}}}
HEAD: Document = {"model": {"network": {"head": {"out_channels": 9}}}}
SQUARES: Document = {"model": {"drop_block": 0.3, "drop_block_size": 1}}
PREPARED: Document = {"data": {"preparation": {"short_side": 20}}}
RANDOM_POLICY: Document = {"data": {"rand_augment": {}}}
# An augmented net that sees two pictures of twelve points elsewhere now and then.
OPPOSED: Document = {"augment": {"batch_fraction": 0.2}}
DISTILLING: Document = {"augment": {"distill": 1.0}}
WARMING_UP: Document = {"training": {"warmup_epochs": 1}}
STARTED: Document = {"pretrained": {"weights": FINISHED}}
TAUGHT: Document = {"distillation": {"teacher": FINISHED}}
# More pictures are left to train on than calibration takes.
MUCH_TO_TRAIN_ON: Document = {"data": {"validation_fraction": 0.05}}

MODEL = {
    "name": To("mobilenet_v3", FAMILY),
    "width": To(0.2, FAMILY),
    "input_size": To(20),
    "stem_stride": To(1, FAMILY),
    "dropout": To(0.5),
    "drop_path": To(0.5),
    "drop_block": To(0.3, {"model": {"drop_block_size": 1}}),
    "drop_block_size": To(3, SQUARES),
    "network": To(BLOCKS["model"]["network"]),
    "network.stem": To({"out_channels": 5}),
    "network.stem.out_channels": To(5),
    "network.stem.kernel": To(5),
    "network.stem.stride": To(1),
    "network.stem.activation": To("h_swish"),
    "network.stem.norm": To(False),
    "network.pool": To({}),
    "network.pool.kernel": To(5, POOL),
    "network.pool.stride": To(1, POOL),
    "network.blocks": To(BLOCKS["model"]["network"]["blocks"]),
    "network.final": To(CONVOLUTION),
    "network.final.out_channels": To(7, FINAL),
    "network.final.kernel": To(3, FINAL),
    "network.final.stride": To(2, FINAL),
    "network.final.activation": To("h_swish", FINAL),
    "network.final.norm": To(False, FINAL),
    "network.head": To({"out_channels": 9}),
    "network.head.out_channels": To(8, HEAD),
    "network.head.activation": To("h_swish", HEAD),
}
# By the kind of block: each stands once in BLOCKS.
DEPTHWISE = {
    "out_channels": To(5, BLOCKS),
    "kernel": To(5, BLOCKS),
    "stride": To(2, BLOCKS),
    "activation": To("h_swish", BLOCKS),
    "squeeze_channels": To(2, BLOCKS),
    "shortcut": To(False, BLOCKS),
}
RESIDUAL = {
    "mid_channels": To(6, BLOCKS),
    "out_channels": To(5, BLOCKS),
    "kernel": To(5, BLOCKS),
    "stride": To(2, BLOCKS),
    "activation": To("h_swish", BLOCKS),
    "projection": To(True, BLOCKS),
}
BY_BLOCK = {
    "separable": DEPTHWISE,
    "inverted": {**DEPTHWISE, "mid_channels": To(6, BLOCKS)},
    "basic": RESIDUAL,
    "bottleneck": RESIDUAL,
}
DATA = {
    "dataset": To(OTHER_DATASET),
    "validation_fraction": To(0.4),
    "batch_size": To(8),
    "preparation": To({"short_side": 20}),
    "preparation.short_side": To(30, PREPARED),
    "preparation.format": To("jpeg", PREPARED),
    "crop": To("none"),
    "horizontal_flip": To(True),
    "brightness": To(0.5),
    "saturation": To(0.5),
    "auto_augment": To("imagenet"),
    "rand_augment": To({}),
    "rand_augment.num_ops": To(3, RANDOM_POLICY),
    "rand_augment.magnitude": To(20, RANDOM_POLICY),
    "mixup": To(0.5),
    "cutmix": To(1.0),
}
AUGMENT = {
    "width_multipliers": To([1.0, 3.0]),
    "expand_multipliers": To([1.0, 3.0]),
    "alpha": To(0.5),
    "nets_per_step": To(2),
    "start": To(0.4),
    "width_until": To(1.0),
    "expand_until": To(0.3),
    "every": To(2),
    "probability": To(0.5),
    "batch_fraction": To(0.5),
    "input_scale": To(0.5),
    "sort_channels": To(False),
    "sort_momentum": To(False),
    "distill": To(1.0),
    "distill_temperature": To(4.0, DISTILLING),
    "project_gradient": To(True, OPPOSED),
    "calibration_images": To(1000, MUCH_TO_TRAIN_ON),
}
TRAINING = {
    "epochs": To(2),
    "warmup_epochs": To(1),
    "learning_rate": To(0.01),
    "warmup_start": To(0.5, WARMING_UP),
    "momentum": To(0.5),
    "weight_decay": To(0.01),
    "label_smoothing": To(0.3),
    "ema_decay": To(0.5),
    "initialisation": To("kaiming_fan_out"),
    "precision": To("bfloat16"),
    "seed": To(4),
}
SSDLITE: Document = {"detection": {"detector": "ssdlite"}}
WIDE: Document = {"data": {"dataset": small_detection.OTHER_DATASET}}
SHAPES = [[n, n] for n in (6, 9, 12, 16, 20, 26, 34, 44, 56)]
DETECTION = {
    "detector": of_detector("ssdlite"),
    "width": of_detector(0.2, SSDLITE),
    "anchors": of_detector(SHAPES),
    "box_loss": of_detector("giou"),
    "widen_neck": of_detector(True),
    "resize": of_detector("letterbox", WIDE),
    "sides": of_detector([96]),
    "crop": of_detector(False),
    "zoom_out": of_detector(False),
    "mosaic": of_detector(1.0),
    "colours": of_detector(False),
}
OTHERS = {
    "augment": To(None),
    "pretrained": To({"weights": FINISHED}),
    "pretrained.weights": To(OTHER_FINISHED, STARTED),
    "pretrained.head": To("keep", STARTED),
    "distillation": To({"teacher": FINISHED}),
    "distillation.teacher": To(OTHER_FINISHED, TAUGHT),
    "distillation.temperature": To(1.0, TAUGHT),
    "distillation.weight": To(0.9, TAUGHT),
}
EFFECTS: dict[str, To] = {
    **{f"model.{name}": to for name, to in MODEL.items()},
    **{
        f"model.network.blocks.{kind}.{name}": to
        for kind, effects in BY_BLOCK.items()
        for name, to in effects.items()
    },
    **{f"data.{name}": to for name, to in DATA.items()},
    **{f"augment.{name}": to for name, to in AUGMENT.items()},
    **{f"training.{name}": to for name, to in TRAINING.items()},
    **{f"detection.{name}": to for name, to in DETECTION.items()},
    **OTHERS,
}
_DEVICES = "tests/netaug_core/training/test_devices.py"
_WAITING = "tests/jobs/test_waiting.py"
_ADMISSION = "tests/jobs/test_admission.py"
_TARGET = "tests/netaug_core/sections/test_target.py"
_VERDICTS = "tests/netaug_core/deployment/test_verdicts.py"
_SUPERVISOR = "tests/worker/test_supervisor.py"
_INT8 = "tests/netaug_core/export/test_int8.py"
_FOUND = "tests/netaug_core/test_detection_effects.py"
# What changes something else than the weights of one process: the test that sees it.
SEEN_BY: dict[str, str] = {
    "name": "tests/api/routes/test_jobs.py::test_a_list_can_be_filtered",
    "tags": "tests/api/routes/test_jobs.py::test_a_list_can_be_filtered",
    "preset": "tests/netaug_core/test_presets.py::test_what_the_spec_says_goes_before_the_preset",
    "task": f"{_FOUND}::test_a_task_has_its_own_network_and_data",
    "detection": f"{_FOUND}::test_a_task_has_its_own_network_and_data",
    "detection.metric": f"{_FOUND}::test_the_metric_picks_the_best_epoch",
    **{
        f"detection.{name}": f"{_FOUND}::test_what_is_kept_of_the_answers_is_the_specs"
        for name in ("score_threshold", "nms_threshold", "detections_per_image")
    },
    "detection.decode_in_graph": (
        "tests/netaug_core/export/test_detection_export.py"
        "::test_the_onnx_file_gives_raw_numbers_or_boxes_and_scores"
    ),
    "augment.sample_per_device": f"{_DEVICES}::test_devices_draw_different_nets_if_asked_to",
    "training.batch_norm": (
        f"{_DEVICES}::test_a_device_of_its_own_statistics_still_has_the_weights_of_the_others"
    ),
    "training.checkpoint_interval_seconds": (
        "tests/netaug_core/training/test_trainer.py"
        "::test_only_the_last_step_is_kept_when_the_interval_is_long"
    ),
    "control": ("tests/netaug_core/test_run.py::test_a_control_adds_the_plain_run_and_its_receipt"),
    "quantization": f"{_INT8}::test_a_spec_without_the_section_makes_no_integers",
    "quantization.ranges": f"{_INT8}::test_ranges_decide_what_a_step_stands_for",
    "quantization.calibration_images": (
        f"{_INT8}::test_as_many_pictures_as_asked_for_are_seen_as_they_are"
    ),
    "quantization.aware_epochs": (
        f"{_INT8}::test_fine_tuning_changes_the_weights_and_not_the_ranges"
    ),
    "quantization.aware_learning_rate": f"{_INT8}::test_the_rate_of_fine_tuning_is_the_specs",
    "target": (
        f"{_ADMISSION}::test_a_network_that_its_target_cannot_hold_is_refused_with_what_helps"
    ),
    "target.board": f"{_TARGET}::test_a_board_brings_its_numbers",
    "target.sram_bytes": f"{_TARGET}::test_numbers_go_before_the_boards",
    "target.flash_bytes": f"{_TARGET}::test_numbers_alone_are_a_target",
    "target.max_macs": f"{_VERDICTS}::test_a_network_fits_what_has_exactly_as_much_as_it_needs",
    "target.core": f"{_TARGET}::test_numbers_go_before_the_boards",
    "target.enforce": f"{_ADMISSION}::test_a_network_that_fits_or_need_not_is_admitted",
    "resources.gpus": (
        "tests/jobs/test_lifecycle.py::test_a_worker_without_gpus_leaves_a_gpu_job_alone"
    ),
    "resources.time_limit_seconds": f"{_SUPERVISOR}::test_the_time_limit_ends_a_job_as_timeout",
    "resources.max_attempts": f"{_SUPERVISOR}::test_a_poison_job_ends_at_its_last_attempt",
    "resources.retry_exit_codes": (
        f"{_SUPERVISOR}::test_an_exit_code_that_the_spec_lists_is_retried"
    ),
    "resources.priority": (
        "tests/jobs/test_lifecycle.py"
        "::test_a_claim_takes_the_most_urgent_job_and_the_older_of_two_equals"
    ),
    "resources.run_after": f"{_WAITING}::test_a_job_does_not_start_before_its_time",
    "resources.after": f"{_WAITING}::test_a_job_starts_when_those_it_needs_have_succeeded",
    "resources.max_wait_seconds": f"{_WAITING}::test_a_job_that_waits_too_long_fails",
}


def without(path: str) -> Document:
    """The small training where the field means something, with the value it has there."""
    return small_training.changed(EFFECTS[path].small, EFFECTS[path].given)


def with_it(path: str) -> Document:
    """The same, but for the field."""
    document = without(path)
    *parents, name = path.split(".")
    place: Any = document
    for parent in parents:
        place = _inner(place, parent)
    place[name] = copy.deepcopy(EFFECTS[path].value)
    return document


def _inner(place: Any, name: str) -> Any:
    if isinstance(place, list):  # of blocks, by their type
        return next(block for block in place if block["type"] == name)
    return place[name]
