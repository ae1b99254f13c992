"""Classification: one label a picture, scored by top-1 accuracy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import torch
from torch import Tensor, nn

from netaug_core.architectures import Architecture
from netaug_core.augment.supernet import Supernet
from netaug_core.data.batches import Feed
from netaug_core.data.dataset import Dataset, open_dataset
from netaug_core.data.order import Rank
from netaug_core.data.parts import Part
from netaug_core.data.sources import MemoryImages
from netaug_core.data.transforms import TrainTransform
from netaug_core.models.network import Network, build
from netaug_core.spec import JobSpec
from netaug_core.training import evaluate, pretrained, teacher
from netaug_core.training.devices import Group
from netaug_core.training.evaluate import Scores
from netaug_core.training.objective import Objective
from netaug_core.weights import Inputs, WeightsFile


@dataclass(frozen=True)
class Classification:
    """A spec with its data."""

    spec: JobSpec
    dataset: Dataset
    score_name = "accuracy"

    @classmethod
    def open(cls, spec: JobSpec, roots: Sequence[Path], *, image_cache_bytes: int) -> Self:
        """Find, read, check and split the data.

        Raises:
            BadData: something is missing or wrong.
        """
        return cls(spec, open_dataset(spec.data, roots, image_cache_bytes=image_cache_bytes))

    @property
    def table(self) -> Architecture:
        return self.spec.model.architecture(
            num_classes=len(self.dataset.class_names), in_channels=self.dataset.in_channels
        )

    def feed(self, device: torch.device, rank: Rank, num_workers: int) -> Feed:
        model, seed = self.spec.model, self.spec.training.seed
        transform = TrainTransform(self.spec.data, model.input_size, seed)
        # Pictures in memory are faster taken than sent from another process.
        in_memory = isinstance(self.dataset.train.source, MemoryImages)
        workers = 0 if in_memory else num_workers
        normalisation = self.dataset.normalisation
        return Feed(transform, normalisation, device, workers, rank.number, rank.count)

    def objective(self, inputs: Inputs, device: torch.device, group: Group) -> Objective:
        del group  # cross-entropy is a mean on each device, and so over all
        if inputs.teacher is None:
            return Objective.of(self.spec)
        asked = teacher.load(
            inputs.teacher,
            class_names=self.dataset.class_names,
            in_channels=self.dataset.in_channels,
            normalisation=self.dataset.normalisation,
            device=device,
        )
        return Objective.of(self.spec, asked)

    def load_pretrained(self, net: nn.Module, file: WeightsFile) -> None:
        assert self.spec.pretrained is not None  # noqa: S101  # it named the file
        pretrained.load_into(
            cast("Network | Supernet", net),
            self.spec.pretrained,
            file,
            class_names=self.dataset.class_names,
        )

    def answer(
        self,
        network: Network,
        part: Part,
        feed: Feed,
        before_batch: Callable[[], None],
        group: Group,
    ) -> Tensor:
        """Logits (N, K)."""
        return evaluate.predict(network, part, feed, before_batch, group)

    def score(self, answers: Tensor, part: Part) -> Scores:
        return evaluate.score(answers, part)

    def rebuild(self, weights: Mapping[str, Tensor]) -> Network:
        network = build(self.table)
        network.load_state_dict(weights)
        return network.eval()
