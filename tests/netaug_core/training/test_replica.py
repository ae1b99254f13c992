"""Why no unused weight has to be searched for: every pass reaches every weight."""

from collections.abc import Callable

import pytest
import torch

from netaug_core.augment.supernet import Supernet
from netaug_core.families.registry import FAMILIES
from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.model import ModelSpec

PASSES: dict[str, Callable[[Supernet], None]] = {
    "base": lambda net: net.use_base(),
    "width and expand": lambda net: net.use_random(torch.Generator().manual_seed(0)),
    "width": lambda net: net.use_width_only(torch.Generator().manual_seed(0)),
    "expand": lambda net: net.use_expand_only(torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_pass_gives_every_weight_a_gradient(family: str) -> None:
    model = ModelSpec(name=family, input_size=64)
    augment = AugmentSpec(width_multipliers=(1.0, 1.5), expand_multipliers=(1.0, 1.5))
    net = Supernet(
        model.architecture(num_classes=3, in_channels=3),
        augment,
        torch.Generator().manual_seed(0),
        "kaiming_uniform",
    )

    for name, use in PASSES.items():
        use(net)
        net.zero_grad()
        net(torch.randn(2, 3, 64, 64)).sum().backward()
        missing = [key for key, weight in net.named_parameters() if weight.grad is None]
        assert missing == [], name
