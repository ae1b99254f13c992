"""The NetAug receipt: what augmentation gave and cost, against the plain run beside it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from netaug_core.data.parts import Part
from netaug_core.statistics import Interval, compare_answers, pair_answers
from netaug_core.training.state import RunState

POINTS = 100  # an accuracy's percentage points


@dataclass(frozen=True)
class Receipt:
    """NetAug minus plain, of the same seed, data and epochs.

    Attributes:
        gain: difference of the test accuracies, in points.
        gain_low: end of its 95 % interval, which tells how far the test images decide between the
            two trained networks; it does not know how much other seeds would differ.
        gain_high: the other end.
        step_time_ratio: NetAug's time for the training steps alone, over the plain run's.
        train_time_ratio: likewise for everything until the best network was found: with
            calibration and evaluation.
    """

    test_accuracy: float
    control_test_accuracy: float
    num_images: int
    gain: float
    gain_low: float
    gain_high: float
    step_time_ratio: float
    train_time_ratio: float

    def result(self) -> dict[str, float]:
        """The part that belongs into a job's result."""
        names = ("control_test_accuracy", "gain", "gain_low", "gain_high", "step_time_ratio")
        return {name: getattr(self, name) for name in names}

    def sentence(self) -> str:
        """One line for the card."""
        return (
            f"NetAug {self.gain:+.2f} top-1 points over the plain network of the same seed, data "
            f"and epochs (95 % interval {self.gain_low:+.2f} to {self.gain_high:+.2f} over the "
            f"{self.num_images} test images), {self.step_time_ratio:.2f}x the step time"
        )


def write_receipt(
    part: Part, logits: Tensor, control_logits: Tensor, state: RunState, control: RunState
) -> Receipt:
    """Compare the two trained networks on the test part.

    Args:
        part: the test part.
        logits: (N, K) of the network trained with NetAug.
        control_logits: (N, K) of the plain one.
        state: how its training went.
        control: likewise.
    """
    labels = torch.from_numpy(part.labels)
    right, control_right = ((one.argmax(1) == labels).tolist() for one in (logits, control_logits))
    answers = pair_answers(right, control_right)
    difference = compare_answers(answers)
    interval = difference.interval or Interval(difference.mean, difference.mean)
    return Receipt(
        test_accuracy=answers.first / answers.count,
        control_test_accuracy=answers.second / answers.count,
        num_images=answers.count,
        gain=POINTS * difference.mean,
        gain_low=POINTS * interval.low,
        gain_high=POINTS * interval.high,
        step_time_ratio=state.step_seconds / control.step_seconds,
        train_time_ratio=state.train_seconds / control.train_seconds,
    )
