"""A detector that gives boxes and scores: for exports that decode inside the network."""

from torch import Tensor, nn

from netaug_core.detection.coding import Coding
from netaug_core.detection.priors import Priors
from netaug_core.models.detector import DetectionNetwork


class Decoded(nn.Module):
    """The network and its decoding at one input size; suppression stays outside."""

    cells: Tensor
    steps: Tensor
    shapes: Tensor

    def __init__(self, network: DetectionNetwork, coding: Coding, input_size: int) -> None:
        super().__init__()
        self.network = network
        self.coding = coding
        known = coding.priors(input_size, network.stem.conv.weight.device)
        self.input_size, self.sides = known.input_size, known.sides
        for name in ("cells", "steps", "shapes"):
            self.register_buffer(name, getattr(known, name), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (B, N, 4) in pixels of the input and scores (B, N, K) of images (B, C, S, S).

        Raises:
            ValueError: the images have another size.
        """
        if images.shape[-1] != self.input_size:
            raise ValueError(
                f"images must have {self.input_size} pixels a side, for which this network was "
                f"made; got {images.shape[-1]}"
            )
        known = Priors(self.input_size, self.sides, self.cells, self.steps, self.shapes)
        return self.coding.decode(self.network(images), known)
