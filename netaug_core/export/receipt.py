"""The NetAug receipt: what augmentation gave and cost, against the plain run beside it."""

from dataclasses import dataclass

from netaug_core.statistics import Interval
from netaug_core.training.state import RunState

POINTS = 100  # a score's percentage points
SPOKEN = {"accuracy": "top-1", "ap50": "AP50", "ap50_voc07": "AP50 (VOC 2007)"}


@dataclass(frozen=True)
class Receipt:
    """NetAug minus plain, of the same seed, data and epochs.

    Attributes:
        score_name: what is compared: accuracy, ap50.
        test_score: NetAug's, in 0..1.
        control_test_score: the plain run's.
        gain: their difference, in points.
        gain_low: end of its 95 % interval, which tells how far the test images decide between the
            two trained networks; it does not know how much other seeds would differ.
        gain_high: the other end.
        step_time_ratio: NetAug's time for the training steps alone, over the plain run's.
        train_time_ratio: likewise for everything until the best network was found: with
            calibration and evaluation.
    """

    score_name: str
    test_score: float
    control_test_score: float
    num_images: int
    gain: float
    gain_low: float
    gain_high: float
    step_time_ratio: float
    train_time_ratio: float

    def result(self) -> dict[str, float]:
        """The part that belongs into a job's result."""
        names = ("gain", "gain_low", "gain_high", "step_time_ratio")
        own = {name: getattr(self, name) for name in names}
        return {f"control_test_{self.score_name}": self.control_test_score, **own}

    def sentence(self) -> str:
        """One line for the card."""
        return (
            f"NetAug {self.gain:+.2f} {SPOKEN[self.score_name]} points over the plain network of "
            f"the same seed, data and epochs (95 % interval {self.gain_low:+.2f} to "
            f"{self.gain_high:+.2f} over the {self.num_images} test images), "
            f"{self.step_time_ratio:.2f}x the step time"
        )


def write_receipt(
    score_name: str,
    scores: tuple[float, float],
    interval: Interval,
    num_images: int,
    states: tuple[RunState, RunState],
) -> Receipt:
    """Compare two trained networks.

    Args:
        score_name: of what is compared.
        scores: NetAug's on the test part, and the plain one's.
        interval: of their difference.
        num_images: of the test part.
        states: how both trainings went.
    """
    (first, second), (state, control) = scores, states
    return Receipt(
        score_name=score_name,
        test_score=first,
        control_test_score=second,
        num_images=num_images,
        gain=POINTS * (first - second),
        gain_low=POINTS * interval.low,
        gain_high=POINTS * interval.high,
        step_time_ratio=state.step_seconds / control.step_seconds,
        train_time_ratio=state.train_seconds / control.train_seconds,
    )
