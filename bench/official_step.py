"""Our own two-pass step written the straightforward way of the reference code: the way to beat.

Contiguous copies of sliced weights, NCHW, smoothed one-hot targets, torch's default SGD, loss and
accuracy read after each step.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netaug_core.augment.elastic import ElasticConv2d, ElasticLinear
from netaug_core.augment.schedule import Phase, phase
from netaug_core.augment.supernet import Supernet
from netaug_core.models.blocks import DepthwiseBlock
from netaug_core.models.network import build
from netaug_core.sections.training import TrainingSpec
from netaug_core.spec import JobSpec
from netaug_core.training.draws import draw


class CopyingConv2d(ElasticConv2d):
    """Copies the weights that run."""

    def forward(self, input: Tensor) -> Tensor:  # the name nn.Conv2d gave it
        in_channels = input.shape[1]
        out_channels = in_channels if self.groups > 1 else self.active_out_channels
        weight = self.weight[:out_channels, :in_channels].contiguous()
        bias = None if self.bias is None else self.bias[:out_channels].contiguous()
        groups = in_channels if self.groups > 1 else 1
        return F.conv2d(input, weight, bias, self.stride, self.padding, groups=groups)


class CopyingLinear(ElasticLinear):
    """Copies the weights that run."""

    def forward(self, input: Tensor) -> Tensor:  # the name nn.Linear gave it
        return F.linear(input, self.weight[:, : input.shape[1]].contiguous(), self.bias)


class OfficialStep:
    """Call it with images (B, 3, S, S) and labels (B,)."""

    def __init__(self, spec: JobSpec, num_classes: int) -> None:
        architecture = spec.model.architecture(num_classes=num_classes, in_channels=3)
        generator = torch.Generator().manual_seed(spec.training.seed)
        self._spec = spec
        self._supernet: Supernet | None = None
        self._net: nn.Module
        if spec.augment is None:
            self._net = build(architecture, generator)
        else:
            self._net = self._supernet = Supernet(architecture, spec.augment, generator)
            _copy_slices(self._supernet)
        for module in self._net.modules():
            if isinstance(module, DepthwiseBlock):
                module.recomputes = False
        self._optimizer = _sgd(self._net, spec.training)
        self._num_steps = 0

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[float, float]:
        """One update; loss and accuracy of the base net."""
        self._net.train()
        self._optimizer.zero_grad()
        if self._supernet is not None:
            self._supernet.use_base()
        loss, accuracy = self._backward(images, labels)
        if self._supernet is not None:
            self._use_augmented(self._supernet)
            self._backward(images, labels)
        self._optimizer.step()
        self._num_steps += 1
        return loss.item(), accuracy.item()

    def _use_augmented(self, supernet: Supernet) -> None:
        training = self._spec.training
        # The same nets as ours draws at this step.
        nets = draw(training.seed, self._num_steps, 0, nets_by_rank=False).nets
        if phase(0, training, supernet.augment) is Phase.WIDTH_AND_EXPAND:
            supernet.use_random(nets)
        else:
            supernet.use_expand_only(nets)

    def _backward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = self._net(images)
        loss = _smoothed_cross_entropy(logits, labels, self._spec.training.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types
        return loss.detach(), (logits.argmax(1) == labels).float().mean()


def _copy_slices(supernet: Supernet) -> None:
    """Put a copying layer in the place of each elastic one, with its parameters."""
    for parent in list(supernet.modules()):
        for name, child in parent.named_children():
            if isinstance(child, ElasticConv2d):
                setattr(parent, name, _with_state(CopyingConv2d, child))
            elif isinstance(child, ElasticLinear):
                setattr(parent, name, _with_state(CopyingLinear, child))


def _with_state(kind: type[nn.Module], child: nn.Module) -> nn.Module:
    layer = kind.__new__(kind)
    layer.__dict__.update(child.__dict__)
    return layer


def _smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    one_hot = torch.zeros_like(logits).scatter_(1, labels[:, None], 1)
    targets = one_hot * (1 - smoothing) + smoothing / logits.shape[1]
    return torch.mean(torch.sum(-targets * logits.log_softmax(1), 1))


def _sgd(net: nn.Module, spec: TrainingSpec) -> torch.optim.SGD:
    named = list(net.named_parameters())
    free = [weight for name, weight in named if "bias" in name or "norm" in name]
    decayed = [weight for name, weight in named if not ("bias" in name or "norm" in name)]
    groups = [
        {"params": free, "weight_decay": 0.0},
        {"params": decayed, "weight_decay": spec.weight_decay},
    ]
    return torch.optim.SGD(groups, lr=spec.learning_rate, momentum=spec.momentum, nesterov=True)
