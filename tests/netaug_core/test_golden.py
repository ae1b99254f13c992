"""Our network and supernet compute what the reference code computes (tests/golden/README.md)."""

import copy
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netaug_core.architectures import ModelOptions, mobilenet_v2_tiny
from netaug_core.augment.supernet import Supernet
from netaug_core.cost import measure
from netaug_core.models.network import build
from netaug_core.models.widths import BlockWidths, Widths
from netaug_core.sections.augment import AugmentSpec

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tinymbv2.json").read_text())
CONFIGS = GOLDEN["supernet"]["configs"]
ARCHITECTURE = mobilenet_v2_tiny(ModelOptions(num_classes=1000))
LOGITS_TOLERANCE = 1e-4
LABELS = torch.tensor([3, 997])


def formula(name: str, shape: list[int]) -> Tensor:
    h = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
    count = math.prod(shape)
    v = (np.arange(count, dtype=np.uint64) * 2654435761 + h) % 2**32
    v = ((v ^ (v >> np.uint64(15))) * np.uint64(2246822519)) % 2**32
    u = v / 2.0**32
    if "running_var" in name or "norm.weight" in name:
        values = 0.5 + u
    elif "running_mean" in name or "bias" in name:
        values = (u - 0.5) * 0.2
    else:
        values = (u - 0.5) * 2 * math.sqrt(3 / (count / shape[0]))
    return torch.from_numpy(values.astype(np.float32)).reshape(shape)


def fill(net: nn.Module, golden: list[tuple[str, list[int]]]) -> dict[str, str]:
    """Fill by position; returns the reference's name of each of our parameters."""
    state = net.state_dict()
    assert [list(t.shape) for t in state.values()] == [shape for _, shape in golden]
    names = dict(zip(state, (name for name, _ in golden), strict=True))
    for (name, shape), tensor in zip(golden, state.values(), strict=True):
        if tensor.dtype == torch.float32:
            tensor.copy_(formula(name, shape))
    return names


def images() -> Tensor:
    size = GOLDEN["resolution"]
    i = np.arange(2 * 3 * size * size, dtype=np.float64)
    values = np.sin(0.7391 * i + 0.1 * np.cos(0.0131 * i)).astype(np.float32)
    return torch.from_numpy(values).reshape(2, 3, size, size)


def widths(active: dict[str, int]) -> Widths:
    """The reference lists stem, first projection, then expansion and projection of each block."""
    channels = list(active.values())
    first = BlockWidths(channels[0], channels[1])
    pairs = zip(channels[2:-1:2], channels[3:-1:2], strict=True)
    blocks = (first, *(BlockWidths(mid, out) for mid, out in pairs))
    return Widths(channels[0], blocks, channels[-1])


def assert_logits(logits: Tensor, golden: dict[str, Any]) -> None:
    flat = logits.detach().flatten().double()
    for index, value in golden["at"].items():
        assert flat[int(index)].item() == pytest.approx(value, abs=LOGITS_TOLERANCE)
    # 2,000 logits, each within the tolerance, errors of random sign.
    assert flat.sum().item() == pytest.approx(golden["sum"], abs=math.sqrt(2000) * LOGITS_TOLERANCE)
    assert flat.norm().item() == pytest.approx(golden["l2"], rel=1e-5)


def assert_trains_like(net: nn.Module, names: dict[str, str], golden: dict[str, Any]) -> None:
    logits = net.train()(images())
    loss = F.cross_entropy(logits, LABELS, label_smoothing=0.1)
    loss.backward()
    assert_logits(logits, golden["train_logits"])
    assert loss.item() == pytest.approx(golden["train_loss"], rel=1e-5)
    for name, parameter in net.named_parameters():
        expected = golden["grad_l2"][names[name]]
        norm = parameter.grad.double().norm().item()
        assert norm == pytest.approx(expected, rel=1e-3, abs=1e-5 if expected < 1e-3 else 0), name


@pytest.fixture(scope="module")
def supernet() -> tuple[Supernet, dict[str, str]]:
    augment = AugmentSpec(
        width_multipliers=GOLDEN["width_multipliers"],
        expand_multipliers=GOLDEN["expand_multipliers"],
    )
    net = Supernet(ARCHITECTURE, augment, torch.Generator())
    names = fill(net.network, GOLDEN["supernet"]["state_dict"])
    return net, {f"network.{ours}": theirs for ours, theirs in names.items()}


def test_the_tiny_net_computes_what_the_reference_computes() -> None:
    net = build(ARCHITECTURE)
    names = fill(net, GOLDEN["base"]["state_dict"])

    with torch.no_grad():
        assert_logits(net.eval()(images()), GOLDEN["base"]["eval_logits"])
    assert_trains_like(net, names, GOLDEN["base"])


def test_parameters_and_macs_are_the_reference_ones() -> None:
    net = build(ARCHITECTURE)
    cost = measure(ARCHITECTURE, GOLDEN["resolution"])

    assert sum(p.numel() for p in net.parameters()) == GOLDEN["base"]["params_with_bn"]
    assert cost.params == GOLDEN["base"]["params_with_bn"]
    assert cost.macs == GOLDEN["base"]["macs_conv_linear"]


def test_the_supernet_has_the_reference_number_of_parameters(
    supernet: tuple[Supernet, dict[str, str]],
) -> None:
    assert sum(p.numel() for p in supernet[0].parameters()) == GOLDEN["supernet"]["params"]


@pytest.mark.parametrize("config", CONFIGS, ids=[c["mode"] for c in CONFIGS])
def test_each_configuration_computes_what_the_reference_computes(
    supernet: tuple[Supernet, dict[str, str]], config: dict[str, Any]
) -> None:
    net, names = copy.deepcopy(supernet)
    net.use(widths(config["active_out_channels"]))

    with torch.no_grad():
        assert_logits(net.eval()(images()), config["eval_logits"])
    assert_trains_like(net, names, config)


def test_use_base_is_the_reference_smallest_configuration(
    supernet: tuple[Supernet, dict[str, str]],
) -> None:
    net, _ = copy.deepcopy(supernet)
    smallest = next(config for config in CONFIGS if config["mode"] == "min")

    net.use_base()

    with torch.no_grad():
        assert_logits(net.eval()(images()), smallest["eval_logits"])


def test_the_exported_base_is_the_supernet_in_its_smallest_configuration(
    supernet: tuple[Supernet, dict[str, str]],
) -> None:
    smallest = next(config for config in CONFIGS if config["mode"] == "min")

    base = supernet[0].base_network().eval()

    with torch.no_grad():
        assert_logits(base(images()), smallest["eval_logits"])
