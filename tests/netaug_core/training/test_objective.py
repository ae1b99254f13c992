"""What a pass is scored by, against sums written out by hand."""

import pytest
import torch
from torch.nn import functional as F

from netaug_core.data.batches import Targets
from netaug_core.sections.training import DistillationSpec
from netaug_core.training.distillation import distillation_loss
from netaug_core.training.objective import Objective

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, -2.0]])
LABELS = torch.tensor([0, 2])


def test_label_smoothing_is_the_reference_s_mixture_with_the_uniform_distribution() -> None:
    smoothed = torch.full((2, 3), 0.1 / 3)
    smoothed[torch.arange(2), LABELS] += 0.9
    expected = -(smoothed * F.log_softmax(LOGITS, 1)).sum(1).mean()

    torch.testing.assert_close(Objective(0.1)(LOGITS, Targets(LABELS)), expected)


def test_distillation_is_the_divergence_of_softened_outputs_times_the_square() -> None:
    teacher = torch.tensor([[1.0, 1.0, 0.0], [3.0, 0.0, 0.0]])
    p, q = F.softmax(teacher / 4, 1), F.softmax(LOGITS / 4, 1)
    expected = 16 * (p * (p / q).log()).sum(1).mean()

    torch.testing.assert_close(distillation_loss(LOGITS, teacher, 4.0), expected)
    torch.testing.assert_close(distillation_loss(LOGITS, LOGITS, 4.0), torch.tensor(0.0))


def test_the_weight_moves_from_the_labels_to_the_teacher() -> None:
    spec = DistillationSpec(teacher="job_1", temperature=2.0, weight=1.0)
    teacher = torch.tensor([[1.0, 1.0, 0.0], [3.0, 0.0, 0.0]])
    objective = Objective(0.0, spec, lambda images: teacher)

    targets = objective.prepare(torch.zeros(2, 1, 4, 4), Targets(LABELS))

    expected = distillation_loss(LOGITS, teacher, 2.0)
    torch.testing.assert_close(objective(LOGITS, targets), expected)


def test_each_label_of_a_mixed_picture_counts_by_its_share() -> None:
    partners = torch.tensor([1, 0])
    objective = Objective(0.0)
    own, other = (objective(LOGITS, Targets(one)) for one in (LABELS, partners))

    mixed = objective(LOGITS, Targets(LABELS, partners, 0.25))

    torch.testing.assert_close(mixed, 0.25 * own + 0.75 * other)


@pytest.mark.parametrize("share", [0.5, torch.tensor([0.5, 0.25])])
def test_the_first_targets_are_those_of_the_first_images(share: float | torch.Tensor) -> None:
    targets = Targets(LABELS, LABELS.flip(0), share, LOGITS)

    first = targets.first(1)

    assert first.labels.tolist() == [0]
    assert first.partner_labels is not None
    assert first.partner_labels.tolist() == [2]
    assert first.teacher_logits is not None
    assert first.teacher_logits.shape == (1, 3)
    assert float(first.share) == 0.5
