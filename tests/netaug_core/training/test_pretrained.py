"""Trained weights go into a network whole, or the run ends with the reason."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from netaug_core import weights
from netaug_core.augment.supernet import Supernet
from netaug_core.errors import BadSpec
from netaug_core.models import tensors_file
from netaug_core.models.network import Network, build
from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.model import ModelSpec
from netaug_core.sections.training import PretrainedSpec
from netaug_core.training.pretrained import load_into
from netaug_core.weights import WeightsFile

CLASSES = ("a", "b", "c")
IMAGES = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(5))


def network(seed: int, num_classes: int = 3, in_channels: int = 1, width: float = 0.1) -> Network:
    model = ModelSpec(name="mobilenet_v2", width=width, input_size=28)
    architecture = model.architecture(num_classes=num_classes, in_channels=in_channels)
    return build(architecture, torch.Generator().manual_seed(seed))


def supernet(seed: int) -> Supernet:
    generator = torch.Generator().manual_seed(seed)
    return Supernet(network(0).architecture, AugmentSpec(), generator)


def find(root: Path, name: str = "model.safetensors") -> WeightsFile:
    return weights.find(name, field=weights.PRETRAINED, roots=(root,), inputs=None)


@pytest.fixture
def trained(tmp_path: Path) -> Network:
    """A network with statistics that no initialisation has, stored in tmp_path."""
    net = network(1)
    with torch.no_grad():
        net.train()(IMAGES)
    tensors_file.write(
        tmp_path / "model.safetensors", net, {"classes": json.dumps(CLASSES), "input_size": "28"}
    )
    return net.eval()


def start(
    net: Network | Supernet, root: Path, head: str, class_names: Sequence[str] = CLASSES
) -> None:
    spec = PretrainedSpec.model_validate({"weights": "model.safetensors", "head": head})
    load_into(net, spec, find(root), class_names=class_names)


def change(root: Path, **changed: torch.Tensor) -> None:
    path = root / "model.safetensors"
    metadata = dict(find(root).header.metadata)
    save_file({**load_file(path), **changed}, path, metadata)


def test_a_kept_head_makes_the_same_network(trained: Network, tmp_path: Path) -> None:
    net = network(2)
    start(net, tmp_path, "keep")

    assert torch.equal(net.eval()(IMAGES), trained(IMAGES))


def test_a_new_head_keeps_its_initialisation_and_takes_all_else(
    trained: Network, tmp_path: Path
) -> None:
    net, fresh = network(2, num_classes=5), network(2, num_classes=5)
    start(net, tmp_path, "new", "vwxyz")

    assert torch.equal(net.classifier.weight, fresh.classifier.weight)
    others = {n: t for n, t in net.state_dict().items() if not n.startswith("classifier")}
    assert all(torch.equal(tensor, trained.state_dict()[n]) for n, tensor in others.items())


def test_a_supernet_takes_them_into_its_leading_slice(trained: Network, tmp_path: Path) -> None:
    net, fresh = supernet(2), supernet(2)
    start(net, tmp_path, "keep")
    net.eval().use_base()

    assert torch.allclose(net(IMAGES), trained(IMAGES), atol=1e-6)
    stem, before = net.network.stem.conv.weight, fresh.network.stem.conv.weight
    base = trained.stem.conv.weight.shape[0]
    assert torch.equal(stem[base:], before[base:])
    assert not torch.equal(stem[:base], before[:base])


@pytest.mark.parametrize("class_names", ["ab", "abd", "acb", "abcd"])
def test_a_kept_head_needs_the_same_classes_in_the_same_order(
    trained: Network, tmp_path: Path, class_names: str
) -> None:
    with pytest.raises(BadSpec, match=r"pretrained\.weights: .* has other classes than the data"):
        start(network(2, len(class_names)), tmp_path, "keep", class_names)


def test_all_that_does_not_fit_is_listed_with_both_shapes(trained: Network, tmp_path: Path) -> None:
    net = network(2, width=0.35)
    with pytest.raises(BadSpec) as refused:
        start(net, tmp_path, "new")

    held, wanted = trained.state_dict(), net.state_dict()
    differ = [n for n, t in wanted.items() if n not in held or held[n].shape != t.shape]
    differ = [name for name in differ if not name.startswith("classifier.")]
    first, *lines = str(refused.value).splitlines()
    shapes = [" x ".join(map(str, one["stem.conv.weight"].shape)) for one in (held, wanted)]
    assert first.endswith(f"{len(differ)} tensors differ:")
    assert lines[0] == f"  stem.conv.weight: {shapes[0]} in the file, {shapes[1]} in the network"
    assert [line.split(":")[0].strip() for line in lines] == differ


def test_missing_and_unexpected_names_are_listed(trained: Network, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes().replace(b'"stem.conv.weight"', b'"stem.conw.weight"'))

    with pytest.raises(BadSpec) as refused:
        start(network(2), tmp_path, "new")

    assert "stem.conv.weight: missing in the file" in str(refused.value)
    assert "stem.conw.weight:" in str(refused.value)
    assert "2 tensors differ" in str(refused.value)


def test_other_input_channels_are_told_first(trained: Network, tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match="reads pictures of 1 channels, the dataset's have 3"):
        start(network(2, in_channels=3), tmp_path, "new")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_numbers_that_break_a_network_are_refused(
    trained: Network, tmp_path: Path, value: float
) -> None:
    name = "stem.norm.running_var"
    change(tmp_path, **{name: torch.full_like(trained.stem.norm.running_var, value)})

    with pytest.raises(BadSpec, match=r"negative variance in stem\.norm\.running_var"):
        start(network(2), tmp_path, "new")


def test_a_file_of_other_origin_is_used_if_it_fits(trained: Network, tmp_path: Path) -> None:
    tensors: dict[str, Any] = dict(trained.state_dict())
    save_file(tensors, tmp_path / "model.safetensors")
    net = network(2)
    start(net, tmp_path, "new")

    assert torch.equal(net.stem.conv.weight, trained.stem.conv.weight)
    with pytest.raises(BadSpec, match="does not say which classes its head has"):
        start(net, tmp_path, "keep")


def test_a_strangers_names_neither_break_lines_nor_fill_the_log(tmp_path: Path) -> None:
    strange = {f"a\n\x1b[31m{number}": torch.zeros(1) for number in range(1500)}
    save_file(strange, tmp_path / "model.safetensors", {"in_channels": "1"})
    net = network(0)

    with pytest.raises(BadSpec) as refused:
        start(net, tmp_path, "new")

    message = str(refused.value)
    assert "\x1b" not in message
    assert message.count("\n") == 1001
    assert re.search(r"\n  and \d,\d+ more$|\n  and \d+ more$", message)
