"""What a pass of a detector is scored by: its objects, shared by the passes of a step.

B pictures, N anchors, V values of an anchor.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from netaug_core.detection.assignment import Assignment
from netaug_core.detection.boxes import Objects
from netaug_core.detection.coding import Coding
from netaug_core.detection.priors import Priors


@dataclass(frozen=True)
class DetectionTargets:
    """What the pictures of a batch should give at one input size.

    Attributes:
        objects: in them.
        known: the anchors of that size.
        assignment: of the objects to the anchors.
    """

    objects: Objects
    known: Priors
    assignment: Assignment

    def first(self, count: int) -> "DetectionTargets":
        """Those of the first `count` pictures."""
        objects = self.objects.take(self.objects.picture < count)
        return replace(self, objects=objects, assignment=self.assignment.first(count))


class DetectionObjective:
    """A detector's loss: what its coding says, all terms alike.

    Args:
        coding: of the detector.
        average: a number's mean over the devices that share the batch; each calls it in turn. So
            the gradient is that of the whole batch, however its objects are spread.
    """

    def __init__(
        self, coding: Coding, average: Callable[[float], float] = lambda value: value
    ) -> None:
        self.coding = coding
        self._average = average
        self._known: dict[tuple[int, torch.device], Priors] = {}

    def targets(self, objects: Objects, num_pictures: int, input_size: int) -> DetectionTargets:
        """Assign the objects (in pixels of the input): once a step.

        Args:
            objects: of the batch, where they are needed.
            num_pictures: B; some may have no object.
            input_size: side of the pictures.
        """
        known = self.known(input_size, objects.boxes.device)
        assignment = self.coding.assign(objects, num_pictures, known)
        return self._weighed(DetectionTargets(objects, known, assignment))

    def prepare(self, images: Tensor, targets: Objects) -> DetectionTargets:
        """The targets of a batch of images (B, C, S, S)."""
        return self.targets(targets, len(images), images.shape[-1])

    def reduced(self, prepared: DetectionTargets, count: int, size: int) -> DetectionTargets:
        """Those of the first `count` pictures, at the input size `size`."""
        first = prepared.first(count)
        if size != prepared.known.input_size:
            return self.resized(first, size)
        return self._weighed(first)

    def resized(self, targets: DetectionTargets, input_size: int) -> DetectionTargets:
        """The same pictures at another size."""
        factor = input_size / targets.known.input_size
        objects = replace(targets.objects, boxes=targets.objects.boxes * factor)
        return self.targets(objects, len(targets.assignment.counted), input_size)

    def __call__(self, raw: Tensor, targets: DetectionTargets) -> Tensor:
        """The loss of a pass, from its raw output (B, N, V); scalar with graph."""
        return self.coding.loss(raw, targets.assignment, targets.known).total

    def _weighed(self, targets: DetectionTargets) -> DetectionTargets:
        mean_pairs = self._average(float(len(targets.assignment.anchors)))
        return replace(targets, assignment=replace(targets.assignment, mean_pairs=mean_pairs))

    def known(self, input_size: int, device: torch.device) -> Priors:
        """The anchors of an input; made once for each size."""
        key = (input_size, device)
        if key not in self._known:
            self._known[key] = self.coding.priors(input_size, device)
        return self._known[key]
