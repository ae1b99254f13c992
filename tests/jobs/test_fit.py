"""Which weights fit, across the tasks: what the trainer refuses for certain is told at submit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from safetensors.numpy import save_file

from jobs.errors import SpecRefused
from jobs.records import Job
from netaug_core.spec import JobSpec
from tests.builders import submit
from tests.jobs.trained_jobs import own_network, spec_of, trained_job
from tests.netaug_core import detection_sets, shapes

YOLOV3, SSDLITE = {"detector": "yolov3"}, {"detector": "ssdlite"}
TO_STRIDE_16, TO_STRIDE_32, TO_STRIDE_64 = (own_network(*[2] * count) for count in (3, 4, 5))


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, ...]:
    """Scenes of 3 classes, and stripes of 2."""
    detection_sets.write_voc_folder(tmp_path / "scenes")
    shapes.write_folder(tmp_path / "stripes")
    return (tmp_path,)


class Bench:
    """Submits jobs one after the other."""

    def __init__(self, connection: sa.Connection, roots: tuple[Path, ...]) -> None:
        self._connection = connection
        self._roots = roots

    def classifier(self, **sections: Any) -> Job:
        spec = spec_of("classification", "stripes", **sections)
        return trained_job(self._connection, spec=spec, data_roots=self._roots, num_classes=2)

    def detector(self, num_classes: int = 3, **sections: Any) -> Job:
        spec = spec_of("detection", "scenes", **sections)
        return trained_job(
            self._connection, spec=spec, data_roots=self._roots, num_classes=num_classes
        )

    def accept(self, spec: JobSpec) -> None:
        submit(self._connection, spec, data_roots=self._roots)

    def refusal(self, spec: JobSpec) -> tuple[str, str]:
        with pytest.raises(SpecRefused) as refused:
            self.accept(spec)
        (one,) = refused.value.refusals
        return one.pointer, one.detail


@pytest.fixture
def bench(connection: sa.Connection, roots: tuple[Path, ...]) -> Bench:
    return Bench(connection, roots)


def detector_from(weights: str, head: str = "new", **sections: Any) -> JobSpec:
    return spec_of("detection", "scenes", pretrained={"weights": weights, "head": head}, **sections)


def classifier_from(weights: str, head: str = "new", **sections: Any) -> JobSpec:
    pretrained = {"weights": weights, "head": head}
    return spec_of("classification", "stripes", pretrained=pretrained, **sections)


def test_a_detector_starts_from_a_classifier(bench: Bench) -> None:
    bench.accept(detector_from(bench.classifier().id))


def test_a_detector_starts_from_another_detector_with_new_heads(bench: Bench) -> None:
    other, of_other_classes = bench.detector(detection=YOLOV3), bench.detector(num_classes=7)

    bench.accept(detector_from(other.id, detection=SSDLITE))
    bench.accept(detector_from(of_other_classes.id))


def test_what_a_classifier_has_after_the_last_block_that_is_read_is_spare(bench: Bench) -> None:
    whole = bench.classifier(model=TO_STRIDE_64)

    bench.accept(detector_from(whole.id, model=TO_STRIDE_32))


def test_a_backbone_needs_every_block_that_is_read(bench: Bench) -> None:
    short = bench.classifier(model=TO_STRIDE_16)

    pointer, detail = bench.refusal(detector_from(short.id, model=TO_STRIDE_32))

    assert pointer == "/pretrained/weights"
    assert "is another network (custom), whose blocks.3." in detail
    assert detail.endswith("has another shape; use its model section")


def test_a_backbone_of_another_width_is_refused(bench: Bench) -> None:
    model = {"name": "mobilenet_v2", "width": 0.35, "input_size": 96}

    _, detail = bench.refusal(detector_from(bench.classifier().id, model=model))

    assert "is another network (mobilenet_v2), whose stem has another shape" in detail


def test_a_classifier_of_grey_pictures_is_no_backbone_for_coloured_ones(
    bench: Bench, connection: sa.Connection
) -> None:
    grey = trained_job(connection, spec=spec_of("classification", "digits"))

    _, detail = bench.refusal(detector_from(grey.id))

    assert "reads pictures of 1 channels, those of scenes have 3" in detail


def test_a_detector_goes_on_with_other_settings_and_sizes(bench: Bench) -> None:
    model = {"name": "mobilenet_v2", "width": 0.1, "input_size": 128}

    bench.accept(
        detector_from(bench.detector().id, "keep", model=model, detection={"metric": "ap"})
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"detection": SSDLITE}, "whose levels.0.heads.boxes.depthwise has another shape"),
        ({"model": TO_STRIDE_32}, "whose blocks.0.first has another shape"),
    ],
)
def test_whole_detectors_are_of_one_table(bench: Bench, changes: dict[str, Any], said: str) -> None:
    _, detail = bench.refusal(detector_from(bench.detector().id, "keep", **changes))

    assert said in detail
    assert detail.endswith("; use its model and detection sections")


def test_the_classes_of_kept_heads_are_those_of_the_data_that_were_read(bench: Bench) -> None:
    pointer, detail = bench.refusal(detector_from(bench.detector(num_classes=4).id, "keep"))

    assert pointer == "/pretrained/weights"
    assert detail.endswith("knows 4 classes, scenes has 3; set pretrained.head to new")


def test_a_classifier_has_no_detectors_head_to_keep(bench: Bench) -> None:
    _, detail = bench.refusal(detector_from(bench.classifier().id, "keep"))

    assert "is a classifier, which has no detector's head to keep; set pretrained.head to" in detail


@pytest.mark.parametrize("head", ["new", "keep"])
def test_a_classifier_does_not_start_from_a_detector(bench: Bench, head: str) -> None:
    pointer, detail = bench.refusal(classifier_from(bench.detector().id, head))

    assert pointer == "/pretrained/weights"
    assert "is a detector, and a classifier starts from a classifier; name one of" in detail


def test_a_detector_is_no_teacher(bench: Bench) -> None:
    spec = spec_of("classification", "stripes", distillation={"teacher": bench.detector().id})

    pointer, detail = bench.refusal(spec)

    assert pointer == "/distillation/teacher"
    assert "is a detector, and a classifier learns from a classifier; name one of" in detail


def test_a_file_tells_its_task_by_its_layers(bench: Bench, roots: tuple[Path, ...]) -> None:
    stem, last = np.zeros((8, 3, 3, 3), np.float32), np.zeros((24, 8, 1, 1), np.float32)
    heads = {"detector": "levels.0.heads.objects.predict.weight", "other": "classifier.weight"}
    for name, head in heads.items():
        tensors = {"stem.conv.weight": stem, head: last}
        save_file(tensors, roots[0] / f"{name}.safetensors")

    bench.accept(detector_from("detector.safetensors", "keep"))
    _, of_detector = bench.refusal(classifier_from("detector.safetensors"))
    _, of_classifier = bench.refusal(detector_from("other.safetensors", "keep"))

    assert "detector.safetensors is a detector, and a classifier starts from" in of_detector
    assert "other.safetensors is a classifier, which has no detector's head" in of_classifier
