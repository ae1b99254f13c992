"""model.onnx computes what the network computes, layer by layer."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch

from netaug_core import cost
from netaug_core.architectures import Architecture
from netaug_core.export import layers, onnx_file
from netaug_core.graph import building
from netaug_core.models.network import build
from tests.netaug_core.networks import SIZE, each_network, small


@each_network
def test_the_onnx_file_computes_every_layer_of_the_network(
    network: Architecture, tmp_path: Path
) -> None:
    net = build(network, torch.Generator().manual_seed(0)).eval()
    images = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    path = tmp_path / "model.onnx"

    in_place = [getattr(module, "inplace", None) for module in net.modules()]

    onnx_file.write(path, net, SIZE)

    assert [getattr(module, "inplace", None) for module in net.modules()] == in_place
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"images": images.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(logits, net(images).numpy(), rtol=1e-4, atol=1e-5)
    ours, theirs = layers.of_network(net, images), layers.of_onnx(path, images.numpy())
    named = set(cost.params(network, building.of_table(network, SIZE)))
    assert set(ours) == named
    assert set(theirs) == named
    for name, values in ours.items():
        np.testing.assert_allclose(theirs[name], values, rtol=1e-3, atol=1e-4, err_msg=name)


def test_the_onnx_file_tells_nothing_of_the_machine_and_is_small(tmp_path: Path) -> None:
    network = small("mobilenet_v2")
    net = build(network, torch.Generator().manual_seed(0)).eval()
    path, again = tmp_path / "model.onnx", tmp_path / "again.onnx"

    onnx_file.write(path, net, SIZE)
    onnx_file.write(again, net, SIZE)

    content = path.read_bytes()
    assert b".py" not in content
    assert b"netaug_core" not in content
    weights = sum(tensor.numel() * tensor.element_size() for tensor in net.state_dict().values())
    assert len(content) < weights + 500 * len(list(net.modules()))
    assert again.read_bytes() == content
