"""The tasks that a spec can name. One that is not named is not loaded: it takes a second or two."""

from collections.abc import Sequence
from pathlib import Path

from netaug_core.spec import JobSpec
from netaug_core.training.task import Task


def open_task(spec: JobSpec, roots: Sequence[Path], *, image_cache_bytes: int = 0) -> Task:
    """The spec's task, with its data.

    Args:
        spec: names both.
        roots: folders below which datasets are looked for.
        image_cache_bytes: memory for decoded pictures of an ImageFolder.

    Raises:
        BadData: the data are missing, damaged, or of another task.
    """
    if spec.task == "detection":
        from netaug_core.tasks.detection import Detection

        return Detection.open(spec, roots)
    from netaug_core.tasks.classification import Classification

    return Classification.open(spec, roots, image_cache_bytes=image_cache_bytes)
