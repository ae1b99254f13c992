"""What a job needs of its dataset, and what its network costs."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from jobs import admission
from jobs.errors import SpecRefused
from netaug_core.spec import JobSpec
from tests.builders import TENANT
from tests.jobs.trained_jobs import spec_of
from tests.netaug_core import detection_sets, shapes

PAPER_SIZE, PAPER_MACS = 416, 264_600_000  # on Pascal VOC, as the paper's figure says


@pytest.fixture
def data_roots(tmp_path: Path) -> tuple[Path, ...]:
    """With scenes in VOC's and in COCO's form, VOC's own year, and an ImageFolder."""
    detection_sets.write_voc_folder(tmp_path / "scenes")
    detection_sets.write_coco_folder(tmp_path / "coco")
    (tmp_path / "VOC2007" / "ImageSets" / "Main").mkdir(parents=True)
    shapes.write_folder(tmp_path / "stripes")
    return (tmp_path,)


def refusal(connection: sa.Connection, spec: JobSpec, roots: tuple[Path, ...]) -> tuple[str, str]:
    with pytest.raises(SpecRefused) as refused:
        admission.admit(connection, spec, roots, tenant=TENANT)
    (one,) = refused.value.refusals
    return one.pointer, one.detail


@pytest.mark.parametrize("dataset", ["scenes", "coco"])
def test_a_detector_is_trained_on_objects_in_boxes(
    connection: sa.Connection, data_roots: tuple[Path, ...], dataset: str
) -> None:
    spec = spec_of("detection", dataset)

    admitted = admission.admit(connection, spec, data_roots, tenant=TENANT)

    assert (admitted.dataset.kind, admitted.dataset.num_classes) == ("detection", 3)


def test_a_detectors_cost_is_the_papers(
    connection: sa.Connection, data_roots: tuple[Path, ...]
) -> None:
    model = {"name": "mobilenet_v2", "width": 0.35, "input_size": PAPER_SIZE}
    spec = spec_of("detection", "VOC2007", model=model)

    admitted = admission.admit(connection, spec, data_roots, tenant=TENANT)

    assert admitted.cost.macs == pytest.approx(PAPER_MACS, abs=500_000)
    assert admitted.cost_facts()["macs"] == admitted.cost.macs


@pytest.mark.parametrize("dataset", ["digits", "stripes"])
def test_a_detector_is_not_trained_on_labels(
    connection: sa.Connection, data_roots: tuple[Path, ...], dataset: str
) -> None:
    pointer, detail = refusal(connection, spec_of("detection", dataset), data_roots)

    assert pointer == "/data/dataset"
    assert detail == (
        f"data.dataset: {dataset} has a label for each picture, and task is detection; name one of "
        "kind detection (`netaug datasets list` shows them)"
    )


def test_a_classifier_is_not_trained_on_boxes(
    connection: sa.Connection, data_roots: tuple[Path, ...]
) -> None:
    pointer, detail = refusal(connection, spec_of("classification", "scenes"), data_roots)

    assert pointer == "/data/dataset"
    assert detail == (
        "data.dataset: scenes has objects in boxes, and task is classification; set task to "
        "detection, or name one of another kind (`netaug datasets list` shows them)"
    )


TIGHT = {"sram_bytes": 30_000}


def test_a_network_that_its_target_cannot_hold_is_refused_with_what_helps(
    connection: sa.Connection,
) -> None:
    spec = spec_of("classification", "digits", target=TIGHT)

    pointer, detail = refusal(connection, spec, ())

    assert pointer == "/target"
    assert "the target has 30,000; set model.input_size to " in detail


@pytest.mark.parametrize(
    "target", [{**TIGHT, "enforce": False}, {"board": "stm32f746g-disco"}, None]
)
def test_a_network_that_fits_or_need_not_is_admitted(
    connection: sa.Connection, target: dict[str, Any] | None
) -> None:
    spec = spec_of("classification", "digits", target=target)

    admitted = admission.admit(connection, spec, (), tenant=TENANT)

    assert admitted.cost.peak_activation_bytes > 22_000


def test_without_its_dataset_a_network_is_not_judged(connection: sa.Connection) -> None:
    spec = spec_of("classification", "nowhere", target=TIGHT)

    assert refusal(connection, spec, ())[0] == "/data/dataset"


def test_a_folder_that_does_not_say_its_classes_is_refused_without_its_place(
    connection: sa.Connection, data_roots: tuple[Path, ...]
) -> None:
    (data_roots[0] / "scenes" / "classes.txt").unlink()

    pointer, detail = refusal(connection, spec_of("detection", "scenes"), data_roots)

    assert pointer == "/data/dataset"
    assert detail.startswith("data.dataset: scenes needs classes.txt, which names its classes")
