"""What a pass is scored by: labels, mixed labels, a teacher's outputs.

B batch, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from netaug_core.sections.training import DistillationSpec

Teacher: TypeAlias = Callable[[Tensor], Tensor]  # images (B, C, S, S) to logits (B, K)


@dataclass(frozen=True)
class Targets:
    """What the images of a batch should give.

    Attributes:
        labels: (B,) int64.
        partner_labels: (B,) int64, of the pictures that were mixed in; None without mixing.
        share: (B,) or a number: how much of a picture is its own.
        teacher_logits: (B, K), or None without a teacher.
    """

    labels: Tensor
    partner_labels: Tensor | None = None
    share: Tensor | float = 1.0
    teacher_logits: Tensor | None = None

    def first(self, count: int) -> "Targets":
        """Those of the first `count` images."""

        def cut(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[:count]

        return replace(
            self,
            labels=self.labels[:count],
            partner_labels=cut(self.partner_labels),
            share=self.share[:count] if isinstance(self.share, Tensor) else self.share,
            teacher_logits=cut(self.teacher_logits),
        )


@dataclass(frozen=True)
class Objective:
    """Cross-entropy with label smoothing, and distillation if there is a teacher."""

    label_smoothing: float
    distillation: DistillationSpec | None = None
    teacher: Teacher | None = None

    def ask_teacher(self, images: Tensor, targets: Targets) -> Targets:
        """Once a step: the base pass and the augmented ones learn from the same answer."""
        if self.teacher is None:
            return targets
        with torch.no_grad():
            return replace(targets, teacher_logits=self.teacher(images))

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


def distillation_loss(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Temperature squared times KL(teacher || student) of softened outputs, mean over the batch.

    Source: Hinton, Vinyals, Dean 2015, section 2; the square keeps the gradient's size.
    """
    student = F.log_softmax(logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits / temperature, dim=1)
    divergence = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return divergence * temperature**2
