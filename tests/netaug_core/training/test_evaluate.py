"""Scores against counts by hand."""

import math

import numpy as np
import pytest
import torch

from netaug_core.data.parts import Part
from netaug_core.data.sources import MemoryImages
from netaug_core.training.evaluate import score


def test_scores_are_the_counts_and_the_mean_cross_entropy() -> None:
    labels = np.array([0, 0, 1, 2])
    part = Part(MemoryImages(torch.zeros(4, 1, 2, 2, dtype=torch.uint8)), np.arange(4), labels)
    logits = torch.tensor([[2.0, 0, 0], [0, 2.0, 0], [0, 2.0, 0], [0, 0, 2.0]])

    scores = score(logits, part)

    total = math.log(math.exp(2) + 2)
    assert (scores.num_correct, scores.num_images, scores.accuracy) == (3, 4, 0.75)
    assert scores.correct_per_class == (1, 1, 1)
    assert scores.images_per_class == (2, 1, 1)
    assert scores.loss == pytest.approx((3 * (total - 2) + total) / 4)
