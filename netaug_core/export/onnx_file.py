"""model.onnx: the tiny net for every runtime that reads ONNX; fp32, any batch size."""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from torch import nn

from netaug_core.models.network import Network

OPSET = 18
INPUT, OUTPUT = "images", "logits"
SCOPES_KEY = "pkg.torch.onnx.name_scopes"  # of a node: the modules that it is part of
EXAMPLE_BATCH = 2  # torch.export takes a batch of one for a constant


def write(path: Path, network: Network, input_size: int) -> None:
    """Export a classifier."""
    export(path, network, (network.architecture.in_channels, input_size), outputs=[OUTPUT])


def export(
    path: Path,
    network: nn.Module,
    shape: tuple[int, int],
    *,
    outputs: Sequence[str],
    facts: Mapping[str, str] | None = None,
) -> None:
    """Export with torch's exporter; the weights lie in the same file.

    Args:
        path: of the file.
        network: any that takes images.
        shape: channels and side of its images.
        outputs: their names.
        facts: metadata of the file.
    """
    network.eval()
    channels, side = shape
    example = torch.zeros(EXAMPLE_BATCH, channels, side, side)
    batch = torch.export.Dim("batch", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), _nothing_in_place(network):
        # The exporter warns about its own use of deprecated parts of torch.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(outputs),
            dynamic_shapes={"images": {0: batch}},
            verbose=False,
        )
    assert program is not None  # noqa: S101  # for mypy: so it is without dynamo
    model = program.model_proto
    _strip(model)
    onnx.helper.set_model_props(model, dict(facts or {}))
    path.write_bytes(model.SerializeToString(deterministic=True))


def _strip(model: onnx.ModelProto) -> None:
    """Leave of each node's notes the modules: the rest tells of our source files, at length."""
    graph = model.graph
    for noted in (graph, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        noted.ClearField("metadata_props")
    for node in graph.node:
        kept = [note for note in node.metadata_props if note.key == SCOPES_KEY]
        node.ClearField("metadata_props")
        node.metadata_props.extend(kept)


@contextmanager
def _nothing_in_place(network: nn.Module) -> Iterator[None]:
    """The exporter knows `hardtanh` and `relu`; it takes `hardtanh_` apart, for seconds."""
    activations = [m for m in network.modules() if isinstance(m, nn.Hardtanh | nn.ReLU)]
    in_place = [activation for activation in activations if activation.inplace]
    for activation in in_place:
        activation.inplace = False
    try:
        yield
    finally:
        for activation in in_place:
            activation.inplace = True
