"""Training with pictures that were decoded before."""

from pathlib import Path

import torch
from torch import Tensor

from netaug_core.data.batches import Feed
from netaug_core.data.dataset import open_dataset
from netaug_core.data.transforms import TrainTransform
from netaug_core.events import Failed
from netaug_core.launch import Shares
from netaug_core.spec import JobSpec
from netaug_core.training.learner import Learner
from netaug_core.training.objective import Objective
from tests.netaug_core import runs, shapes

CPU = torch.device("cpu")
BATCH_SIZE = 10


def train(spec: JobSpec, root: Path, *, image_cache_bytes: int) -> dict[str, Tensor]:
    """The weights after two epochs."""
    dataset = open_dataset(spec.data, (root,), image_cache_bytes=image_cache_bytes)
    feed = Feed(TrainTransform(spec.data, spec.model.input_size, 0), dataset.normalisation, CPU)
    architecture = spec.model.architecture(num_classes=2, in_channels=3)
    learner = Learner(spec, architecture, CPU, objective=Objective.of(spec))
    step = 0
    for epoch in range(2):
        for batch in feed.training(dataset.train, epoch, BATCH_SIZE, 0):
            learner.step(batch.images, batch.targets, epoch, step)
            step += 1
    return learner.net.state_dict()


def test_a_cache_of_pictures_changes_no_weight(tmp_path: Path) -> None:
    shapes.write_folder(tmp_path / "stripes")
    document = shapes.make_spec().model_dump(mode="json")
    document["data"]["preparation"] = {"short_side": 32, "format": "jpeg"}
    spec = JobSpec.model_validate(document)

    without = train(spec, tmp_path, image_cache_bytes=0)
    kept = train(spec, tmp_path, image_cache_bytes=1 << 20)

    assert all(torch.equal(kept[name], tensor) for name, tensor in without.items())


def test_a_cache_larger_than_the_machine_is_refused_with_its_size(tmp_path: Path) -> None:
    shapes.write_folder(tmp_path / "stripes")
    spec = runs.write_spec(tmp_path / "job", shapes.make_spec().model_dump(mode="json"))
    options = ("--data", str(tmp_path), "--image-cache", str(1 << 60))

    process = runs.start(spec, tmp_path / "out", *options)
    (failed,) = process.rest()

    assert process.wait()[0] == 64
    assert isinstance(failed, Failed)
    assert f"the image cache of {1 << 60} bytes cannot be had" in failed.message


def test_what_the_machine_has_is_shared_by_all_devices() -> None:
    shares = Shares(num_threads=5, num_loader_workers=3, image_cache_bytes=1001)

    words = shares.arguments(num_devices=2)

    assert words == ["--threads", "2", "--loader-workers", "2", "--image-cache", "500"]
