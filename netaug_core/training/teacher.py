"""The teacher of knowledge distillation: a finished network that answers the student's images.

B batch, C channels, S side, K classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from netaug_core.data.parts import Normalisation
from netaug_core.errors import ExportMismatch
from netaug_core.models import tensors_file
from netaug_core.models.network import Network
from netaug_core.training.pretrained import check_finite, compare_classes
from netaug_core.weights import Preprocessing, WeightsFile


class Teacher:
    """A frozen network. It takes the student's images and makes its own input of them."""

    def __init__(
        self, network: Network, preprocessing: Preprocessing, normalisation: Normalisation
    ) -> None:
        self._network = network.eval().requires_grad_(requires_grad=False)
        self._size = preprocessing.input_size
        device = next(network.parameters()).device
        change = _renormalisation(normalisation, preprocessing)
        self._change = None if change is None else tuple(part.to(device) for part in change)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Logits (B, K), without a graph, of the student's normalised images (B, C, S, S)."""
        if images.shape[-1] != self._size:
            side = (self._size, self._size)
            images = F.interpolate(images, side, mode="bilinear", antialias=True)
        if self._change is not None:
            factor, offset = self._change
            images = images * factor + offset
        images = images.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self._network(images)
        return logits


def load(
    file: WeightsFile,
    *,
    class_names: Sequence[str],
    in_channels: int,
    normalisation: Normalisation,
    device: torch.device,
) -> Teacher:
    """The teacher in a file.

    Args:
        file: as `weights.find` found it.
        class_names: of the dataset, in the classifier's order.
        in_channels: of the dataset's images.
        normalisation: of the student's images.
        device: where it answers.

    Raises:
        BadSpec: it is no network of this platform, it knows other classes, its input has other
            channels, or a number in it is not finite.
    """
    network = _read_network(file)
    known, preprocessing = file.class_names, file.preprocessing
    if known is None or preprocessing is None:
        raise file.wrong(
            "does not say its classes and preprocessing; a teacher is the model.safetensors of a "
            "job of this platform"
        )
    if known != tuple(class_names):
        raise file.wrong(
            f"knows other classes than the dataset: {compare_classes(known, class_names)}; "
            "take a teacher that was trained on this dataset"
        )
    if not preprocessing.channels == network.architecture.in_channels == in_channels:
        raise file.wrong(
            f"sees pictures of {preprocessing.channels} channels, the dataset's have "
            f"{in_channels}; take a teacher that was trained on this dataset"
        )
    return Teacher(network.to(device), preprocessing, normalisation)


def _read_network(file: WeightsFile) -> Network:
    if "architecture" not in file.header.metadata:
        raise file.wrong(
            "does not say its architecture; a teacher is the model.safetensors of a job of this "
            "platform"
        )
    try:
        network = tensors_file.read(file.path)
    except ExportMismatch as error:
        raise file.wrong(f"is no network of this platform: {error.__cause__}") from error
    check_finite(file, network.state_dict())
    return network


def _renormalisation(
    student: Normalisation, teacher: Preprocessing
) -> tuple[Tensor, Tensor] | None:
    """Factor and offset (C, 1, 1) from the student's normalised pixels to the teacher's."""
    if (student.mean, student.std) == (teacher.mean, teacher.std):
        return None
    factors = zip(student.std, teacher.std, strict=True)
    offsets = zip(student.mean, teacher.mean, teacher.std, strict=True)
    return (
        torch.tensor([ours / theirs for ours, theirs in factors])[:, None, None],
        torch.tensor([(ours - theirs) / std for ours, theirs, std in offsets])[:, None, None],
    )
