"""model.safetensors: the tiny net's weights, with all that is needed to rebuild it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from netaug_core import safetensors_header
from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.errors import ExportMismatch
from netaug_core.models.network import Network, build
from netaug_core.sections.network import NetworkSpec

KEY = "architecture"
AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)


def write(path: Path, network: Network, facts: dict[str, str]) -> None:
    """`facts` are further metadata: input size, class names, preprocessing."""
    save(path, network, {KEY: to_json(network.architecture), **facts})


def save(path: Path, network: nn.Module, metadata: dict[str, str]) -> None:
    """The tensors of any network, and what the file says of them."""
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, path, {"format": "pt", **metadata})
    safetensors_header.sort_metadata(path)


def read(path: Path) -> Network:
    """Rebuild the network from the file alone.

    Raises:
        ExportMismatch: the file is damaged, or its tensors do not fit its architecture.
    """
    return rebuild(path, lambda metadata: build(from_json(metadata[KEY])))


def rebuild(path: Path, network_of: Callable[[Mapping[str, str]], AnyNetwork]) -> AnyNetwork:
    """A network from what a file's metadata say of it, with the file's tensors.

    Raises:
        ExportMismatch: the file is damaged, or its tensors do not fit the network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            network = network_of(file.metadata())
        network.load_state_dict(load_file(path))
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ExportMismatch(f"{path.name} cannot be loaded again: {error}") from error
    return network.eval()


def to_json(architecture: Architecture) -> str:
    """A classifier's table as text."""
    return json.dumps(
        {
            "name": architecture.name,
            "in_channels": architecture.in_channels,
            "num_classes": architecture.num_classes,
            "dropout": architecture.dropout,
            "network": NetworkSpec.of(architecture).model_dump(mode="json"),
        }
    )


def from_json(text: str) -> Architecture:
    """The table of such a text.

    Raises:
        ValueError: it is none.
    """
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("the table of the network must be an object")
    network = NetworkSpec.model_validate(document.pop("network"))
    return network.architecture(document.pop("name"), ModelOptions(**document))
