"""model.safetensors stands alone: the network is rebuilt from the file."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.errors import ExportMismatch
from netaug_core.families.mobilenet_v2 import mobilenet_v2
from netaug_core.models import tensors_file
from netaug_core.models.network import build
from tests.netaug_core.networks import SIZE, each_network

ARCHITECTURE = mobilenet_v2(ModelOptions(num_classes=3, width=0.1, in_channels=1))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    network = build(ARCHITECTURE, torch.Generator().manual_seed(0))
    tensors_file.write(path, network, {"input_size": "28"})
    return path


def test_the_network_read_back_is_the_one_written(written: Path) -> None:
    network = build(ARCHITECTURE, torch.Generator().manual_seed(0)).eval()
    images = torch.randn(2, 1, 28, 28)

    again = tensors_file.read(written)

    assert again.architecture == ARCHITECTURE
    assert torch.equal(again(images), network(images))
    with safe_open(written, framework="pt") as file:
        assert file.metadata()["input_size"] == "28"


@each_network
def test_every_kind_of_network_is_rebuilt_from_its_file(
    network: Architecture, tmp_path: Path
) -> None:
    written = build(network, torch.Generator().manual_seed(0)).eval()
    images = torch.randn(2, 3, SIZE, SIZE)
    tensors_file.write(tmp_path / "model.safetensors", written, {})

    again = tensors_file.read(tmp_path / "model.safetensors")

    assert again.architecture == network
    assert torch.equal(again(images), written(images))


@pytest.mark.parametrize("length", [0, 7, 1000])
def test_a_file_cut_short_is_named(written: Path, length: int) -> None:
    written.write_bytes(written.read_bytes()[:length])

    with pytest.raises(ExportMismatch, match=r"model\.safetensors cannot be loaded again"):
        tensors_file.read(written)


def test_a_file_of_other_tensors_is_named(written: Path) -> None:
    content = written.read_bytes().replace(b"stem.conv", b"stem.conw")
    written.write_bytes(content)

    with pytest.raises(ExportMismatch, match="cannot be loaded again"):
        tensors_file.read(written)
