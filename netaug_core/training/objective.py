"""What a pass is scored by: labels, mixed labels, a teacher's outputs.

B batch, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from netaug_core.data.batches import Targets
from netaug_core.sections.training import DistillationSpec
from netaug_core.spec import JobSpec
from netaug_core.training.distillation import distillation_loss

Teacher: TypeAlias = Callable[[Tensor], Tensor]  # images (B, C, S, S) to logits (B, K)


@dataclass(frozen=True)
class Objective:
    """Cross-entropy with label smoothing, and distillation if there is a teacher."""

    label_smoothing: float
    distillation: DistillationSpec | None = None
    teacher: Teacher | None = None

    @classmethod
    def of(cls, spec: JobSpec, teacher: Teacher | None = None) -> "Objective":
        return cls(spec.training.label_smoothing, spec.distillation, teacher)

    def prepare(self, images: Tensor, targets: Targets) -> Targets:
        """With the teacher's answer: the base pass and the augmented ones learn from the same."""
        if self.teacher is None:
            return targets
        with torch.no_grad():
            return replace(targets, teacher_logits=self.teacher(images))

    def reduced(self, prepared: Targets, count: int, size: int) -> Targets:  # noqa: ARG002
        """Those of the first images, at any size."""
        return prepared.first(count)

    def __call__(self, logits: Tensor, targets: Targets) -> Tensor:
        """The loss of a pass, mean over the batch; scalar with graph."""
        loss = self._cross_entropy(logits, targets.labels, targets)
        if targets.teacher_logits is None or self.distillation is None:
            return loss
        weight, temperature = self.distillation.weight, self.distillation.temperature
        learnt = distillation_loss(logits, targets.teacher_logits, temperature)
        return (1 - weight) * loss + weight * learnt

    def _cross_entropy(self, logits: Tensor, labels: Tensor, targets: Targets) -> Tensor:
        smoothing = self.label_smoothing
        if targets.partner_labels is None:
            return F.cross_entropy(logits, labels, label_smoothing=smoothing)
        own, partner = (
            F.cross_entropy(logits, one, label_smoothing=smoothing, reduction="none")
            for one in (labels, targets.partner_labels)
        )
        return (targets.share * own + (1 - targets.share) * partner).mean()
