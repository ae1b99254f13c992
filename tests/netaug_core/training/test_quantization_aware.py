"""What fine-tuning does with what it is given; what a spec makes of it is in test_int8.py."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from netaug_core.errors import NonFiniteLoss
from netaug_core.graph.folded import FoldedModel
from netaug_core.quantized import calibration, rewriting
from netaug_core.sections.quantization import QuantizationSpec
from netaug_core.sections.training import TrainingSpec
from netaug_core.training.quantization_aware import Lessons, fine_tune
from tests.netaug_core.networks import own
from tests.netaug_core.quantized import cases


class Towards:
    """The loss: how far the logits are from a number, squared."""

    def __init__(self, number: float) -> None:
        self._number = number

    def prepare(self, images: Tensor, targets: Tensor) -> Tensor:
        return targets

    def reduced(self, prepared: Tensor, count: int, size: int) -> Tensor:
        return prepared[:count]

    def __call__(self, output: Tensor, prepared: Tensor) -> Tensor:
        return (output - self._number).square().mean()


class Pictures:
    """A batch of pictures without labels."""

    def __init__(self, seed: int) -> None:
        floats = cases.floats(cases.pictures(8, seed=seed))
        self.images = torch.from_numpy(floats).permute(0, 3, 1, 2)
        self.targets = torch.zeros(8)


def fine_tuned(number: float, epochs: int, seen: list[int]) -> FoldedModel:
    model = rewriting.with_activations_in_convolutions(cases.folded(own()))
    ranges = calibration.measure(model, cases.calibration(), "min_max")

    def batches(epoch: int) -> Iterator[Pictures]:
        seen.append(epoch)
        return (Pictures(seed) for seed in (2 * epoch, 2 * epoch + 1))

    lessons = Lessons(
        batches=batches,
        steps_per_epoch=2,
        objective=Towards(number),
        answer=lambda outputs: outputs[0].flatten(1),
        device=torch.device("cpu"),
        before_step=lambda: None,
    )
    section = QuantizationSpec(aware_epochs=epochs, aware_learning_rate=0.01)
    return fine_tune(model, ranges, lessons, section=section, training=TrainingSpec(epochs=1))


def test_it_goes_where_the_loss_is_less() -> None:
    seen: list[int] = []

    found = fine_tuned(2.0, 3, seen)

    before = cases.folded(own()).convolutions["classifier"].bias
    after = found.convolutions["classifier"].bias
    assert abs(after - 2).mean() < abs(before - 2).mean()
    assert seen == [0, 1, 2]


def test_fine_tuning_that_diverges_says_which_field_to_change() -> None:
    with pytest.raises(
        NonFiniteLoss, match=r"^quantization\.aware_learning_rate: the loss became inf in epoch 1"
    ):
        fine_tuned(1e30, 2, [])
