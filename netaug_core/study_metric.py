"""What a study can compare: the scores in a job's result, 0..1. Torch-free."""

from typing import Literal, get_args

from netaug_core.spec import JobSpec

Metric = Literal[
    "test_accuracy",
    "validation_accuracy",
    "test_ap50",
    "test_ap50_voc07",
    "test_ap",
    "validation_ap50",
    "validation_ap50_voc07",
    "validation_ap",
]
METRICS: tuple[Metric, ...] = get_args(Metric)
WORDS: dict[Metric, str] = {
    "test_accuracy": "top-1 accuracy",
    "validation_accuracy": "validation top-1 accuracy",
    "test_ap50": "AP50",
    "test_ap50_voc07": "AP50 (VOC07)",
    "test_ap": "AP",
    "validation_ap50": "validation AP50",
    "validation_ap50_voc07": "validation AP50 (VOC07)",
    "validation_ap": "validation AP",
}
OF_DETECTION: dict[str, tuple[Metric, ...]] = {
    "ap50": ("test_ap50", "test_ap", "validation_ap50"),
    "ap50_voc07": ("test_ap50_voc07", "test_ap", "validation_ap50_voc07"),
    "ap": ("test_ap50", "test_ap", "validation_ap"),
}


def metrics_of(spec: JobSpec) -> tuple[Metric, ...]:
    """The scores that a job's result will have."""
    if spec.detection is not None:
        return OF_DETECTION[spec.detection.metric]
    return ("test_accuracy", "validation_accuracy")


def check(metric: Metric, spec: JobSpec) -> None:
    """Judge whether a job will measure a metric.

    Raises:
        ValueError: it will not.
    """
    known = metrics_of(spec)
    if metric in known:
        return
    task = f"the task is {spec.task}"
    if spec.detection is not None:
        task += f" with detection.metric {spec.detection.metric}"
    raise ValueError(
        f"metric is {metric}, and {task}, which has no {metric}: set the study's metric to one of "
        f"{', '.join(known)}, or change the job"
    )
