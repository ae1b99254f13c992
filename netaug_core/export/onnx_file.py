"""model.onnx: the tiny net for every runtime that reads ONNX; fp32, any batch size."""

import logging
import warnings
from pathlib import Path

import torch

from netaug_core.models.network import Network

OPSET = 18
INPUT, OUTPUT = "images", "logits"
EXAMPLE_BATCH = 2  # torch.export takes a batch of one for a constant


def write(path: Path, network: Network, input_size: int) -> None:
    """Export with torch's exporter; the weights lie in the same file."""
    network.eval()
    channels = network.architecture.in_channels
    example = torch.zeros(EXAMPLE_BATCH, channels, input_size, input_size)
    batch = torch.export.Dim("batch", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The exporter warns about its own use of deprecated parts of torch.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            path,
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={"images": {0: batch}},
            external_data=False,
            verbose=False,
        )
