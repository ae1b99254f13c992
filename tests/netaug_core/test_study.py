"""A study's grid: what it expands into, and what is said about one that cannot run."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from netaug_core.documents import load_document
from netaug_core.study import Cell, StudySpec

TEXT = """
name: tiny
baseline: plain
references: [longer]
job:
  tags: [mine]
  data: {dataset: digits, batch_size: 64}
  training: {epochs: 4, learning_rate: 0.02}
  augment: null
models:
  w10: {model: {name: mobilenet_v2, width: 0.1, input_size: 28}}
  w20: {model: {name: mobilenet_v2, width: 0.2, input_size: 28}}
methods:
  plain: {}
  netaug: {augment: {alpha: 0.5}}
  kd: {distillation: {teacher: "@big"}}
  longer: {training: {epochs: 9}}
teachers:
  big: {model: {name: mobilenet_v2, width: 1.0, input_size: 28}}
seeds: [3, 5]
"""
BIG = {"big": "job_7"}
BENCH = Path(__file__).parents[2] / "bench"
OWN = {"name", "tags", "augment"}  # in what the methods of a study of NetAug differ


def document(**changes: object) -> dict[str, Any]:
    loaded = load_document(TEXT)
    assert isinstance(loaded, dict)
    return {**loaded, **changes}


def study(**changes: object) -> StudySpec:
    return StudySpec.model_validate(document(**changes))


def complaint(**changes: object) -> str:
    with pytest.raises(ValidationError) as caught:
        study(**changes)
    return str(caught.value)


def test_the_grid_is_models_by_methods_by_seeds_the_first_seed_first() -> None:
    cells = study().cells()
    assert len(cells) == len(set(cells)) == 2 * 4 * 2
    assert cells[0] == Cell("w10", "plain", 3)
    assert {cell.seed for cell in cells[:8]} == {3}


def test_a_job_is_the_shared_part_below_model_method_and_seed() -> None:
    spec = study().job_spec(Cell("w20", "netaug", 5), BIG)
    assert spec.model.width == 0.2
    assert spec.augment is not None
    assert spec.augment.alpha == 0.5
    assert (spec.training.epochs, spec.training.learning_rate, spec.training.seed) == (4, 0.02, 5)
    assert spec.data.batch_size == 64


def test_a_job_says_in_its_tags_and_name_where_it_belongs() -> None:
    spec = study().job_spec(Cell("w10", "plain", 3), BIG)
    assert spec.tags == ("mine", "study:tiny", "model:w10", "method:plain", "seed:3")
    assert spec.name == "tiny w10 plain 3"


def test_methods_differ_in_what_they_name_and_in_nothing_else() -> None:
    tiny = study()
    plain = tiny.job_spec(Cell("w10", "plain", 3), BIG).model_dump()
    longer = tiny.job_spec(Cell("w10", "longer", 3), BIG).model_dump()
    assert longer["training"].pop("epochs") == 9
    plain["training"].pop("epochs")
    for own in ("name", "tags"):
        plain.pop(own)
        longer.pop(own)
    assert plain == longer


def test_a_teachers_name_becomes_its_jobs_id() -> None:
    tiny = study()
    assert tiny.teachers_of(Cell("w10", "kd", 3)) == {"big"}
    assert tiny.teachers_of(Cell("w10", "plain", 3)) == frozenset()
    spec = tiny.job_spec(Cell("w10", "kd", 3), BIG)
    assert spec.distillation is not None
    assert spec.distillation.teacher == "job_7"


def test_a_teacher_may_be_named_after_the_model() -> None:
    wide = {"model": {"name": "mobilenet_v2", "width": 1.0, "input_size": 28}}
    tiny = study(
        teachers={"big-w10": wide, "big-w20": wide},
        methods={"plain": {}, "longer": {}, "kd": {"distillation": {"teacher": "@big-{model}"}}},
    )
    assert tiny.teachers_of(Cell("w20", "kd", 3)) == {"big-w20"}


def test_a_teacher_may_be_named_after_the_seed() -> None:
    wide = {"model": {"name": "mobilenet_v2", "width": 1.0, "input_size": 28}}
    methods = {"plain": {}, "longer": {}, "kd": {"distillation": {"teacher": "@big-{seed}"}}}
    tiny = study(teachers={"big-3": wide, "big-5": wide}, methods=methods)
    assert tiny.teachers_of(Cell("w20", "kd", 5)) == {"big-5"}
    told = complaint(teachers={"big-3": wide}, methods=methods)
    assert "method kd: @big-5: no such teacher; the study has big-3" in told


def test_a_teacher_is_a_job_of_its_own() -> None:
    spec = study().teacher_spec("big")
    assert spec.model.width == 1.0
    assert spec.tags == ("mine", "study:tiny", "teacher:big")


def test_an_unknown_baseline_or_reference_is_refused_with_the_choices() -> None:
    assert "no such method; choose one of plain, netaug" in complaint(baseline="none")
    assert "compared with slower" in complaint(references=["slower"])
    assert "must all differ" in complaint(references=["plain"])


def test_a_bad_job_is_named_by_model_method_and_field() -> None:
    told = complaint(methods={"plain": {}, "longer": {}, "netaug": {"augment": {"alpha": 11.0}}})
    assert "model w10, method netaug: augment.alpha: " in told
    assert "model w20, method netaug: augment.alpha: " in told
    assert "got 11.0" in told
    assert "method plain" not in told


def test_a_bad_teacher_is_named() -> None:
    told = complaint(teachers={"big": {"model": {"name": "mobilenet_v2", "width": 9.0}}})
    assert "teacher big: model.width: " in told


def test_a_teacher_that_the_study_has_not_is_named() -> None:
    assert "method kd: @big: no such teacher; the study has none" in complaint(teachers={})


def test_a_teacher_has_no_teacher() -> None:
    told = complaint(teachers={"big": {"distillation": {"teacher": "@big"}}})
    assert "teacher big: @big: a teacher has no teacher" in told


def test_the_seed_comes_from_the_seeds_alone() -> None:
    told = complaint(methods={"plain": {"training": {"seed": 1}}, "longer": {}})
    assert "method plain: training.seed comes from seeds" in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "seed twice"),
        ({"seeds": [-1]}, "seeds.0"),
        ({"seeds": list(range(2000))}, "16000 jobs are too many"),
        ({"models": {}}, "models"),
        ({"name": "no spaces"}, "name"),
        ({"models": {"a label that is too long to be a tag": {}}}, "models"),
        ({"job": {"tags": "mine"}}, "method plain: tags: "),
        ({"trials": 3}, "trials"),
    ],
)
def test_what_makes_no_study_is_refused(changes: dict[str, Any], told: str) -> None:
    assert told in complaint(**changes)


def test_a_method_given_twice_in_the_file_is_refused() -> None:
    twice = TEXT.replace("  longer:", "  plain:")
    with pytest.raises(ValueError, match="plain is given twice"):
        load_document(twice)


DETECTION: dict[str, Any] = {
    "name": "scenes",
    "baseline": "plain",
    "metric": "test_ap50",
    "job": {
        "task": "detection",
        "detection": {"crop": False},
        "data": {"dataset": "scenes", "batch_size": 16},
        "training": {"epochs": 4},
        "augment": None,
    },
    "models": {
        "in64": {"model": {"name": "mobilenet_v2", "width": 0.35, "input_size": 64}},
        "in96": {"model": {"name": "mobilenet_v2", "width": 0.35, "input_size": 96}},
    },
    "methods": {"plain": {}, "pretrained": {"pretrained": {"weights": "@backbone"}}},
    "teachers": {
        "backbone": {
            "task": "classification",
            "detection": None,
            "model": {"name": "mobilenet_v2", "width": 0.35, "input_size": 64},
            "data": {"dataset": "crops"},
        }
    },
    "seeds": [0],
}


def detection_complaint(**changes: object) -> str:
    with pytest.raises(ValidationError) as caught:
        StudySpec.model_validate({**DETECTION, **changes})
    return str(caught.value)


def test_a_detectors_backbone_may_be_trained_first_on_another_task() -> None:
    scenes = StudySpec.model_validate(DETECTION)
    backbone = scenes.teacher_spec("backbone")
    assert (backbone.task, backbone.detection, backbone.data.dataset) == (
        *("classification", None, "crops"),
    )
    spec = scenes.job_spec(Cell("in96", "pretrained", 0), {"backbone": "job_7"})
    assert spec.task == "detection"
    assert spec.pretrained is not None
    assert spec.pretrained.weights == "job_7"


def test_a_metric_of_another_task_is_refused_with_the_remedy() -> None:
    told = detection_complaint(metric="test_accuracy")
    assert "model in64, method plain: metric is test_accuracy, and the task is detection" in told
    assert "one of test_ap50, test_ap, validation_ap50, or change the job" in told
    told = complaint(metric="test_ap50")
    assert "metric is test_ap50, and the task is classification" in told
    assert "one of test_accuracy, validation_accuracy" in told


@pytest.mark.parametrize(
    ("measured", "known", "unknown"),
    [
        ("ap50", "validation_ap50", "test_ap50_voc07"),
        ("ap50_voc07", "test_ap50_voc07", "test_ap50"),
        ("ap", "validation_ap", "validation_ap50"),
    ],
)
def test_which_scores_a_detector_has_follows_what_picks_its_epoch(
    measured: str, known: str, unknown: str
) -> None:
    job = {**DETECTION["job"], "detection": {"metric": measured}}
    for metric in (known, "test_ap"):
        StudySpec.model_validate({**DETECTION, "job": job, "metric": metric})
    told = detection_complaint(job=job, metric=unknown)
    assert (
        f"metric is {unknown}, and the task is detection with detection.metric {measured}" in told
    )


def test_an_unknown_metric_is_refused_with_the_choices() -> None:
    assert "'test_accuracy', 'validation_accuracy', 'test_ap50'" in complaint(metric="f1")


@pytest.mark.parametrize("path", sorted(BENCH.glob("*study*.yaml")), ids=lambda path: path.stem)
def test_the_projects_own_studies_are_valid(path: Path) -> None:
    StudySpec.model_validate(load_document(path.read_text("utf-8")))


def test_the_full_study_of_detectors_varies_netaug_alone() -> None:
    path = BENCH / "fashion_scenes_study.yaml"
    scenes = StudySpec.model_validate(load_document(path.read_text("utf-8")))
    assert len(scenes.seeds) >= 3
    teachers = dict.fromkeys(scenes.teachers, "job_7")
    for model, seed in itertools.product(scenes.models, scenes.seeds):
        jobs = [
            scenes.job_spec(Cell(model, method, seed), teachers).model_dump(exclude=OWN)
            for method in scenes.methods
        ]
        assert all(job == jobs[0] for job in jobs)
