"""The same numbers as layer by layer, with less kept between the two directions."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from netaug_core.augment.elastic import ELASTIC, ElasticConv2d
from netaug_core.models.blocks import PLAIN, DepthwiseBlock, Layers, conv_norm
from netaug_core.vocabulary import Convolution

IMAGES = torch.randn(4, 8, 10, 10, generator=torch.Generator().manual_seed(0))


def conv(name: str, in_channels: int, out_channels: int, **others: Any) -> Convolution:
    return Convolution(name=name, in_channels=in_channels, out_channels=out_channels, **others)


def make_block(layers: Layers, activation: str) -> DepthwiseBlock:
    torch.manual_seed(0)
    tables = (
        conv("expand", 8, 16, activation=activation),
        conv("depthwise", 16, 16, kernel=3, stride=2, depthwise=True, activation=activation),
        conv("project", 16, 12),
    )
    convolutions = {table.name: conv_norm(layers, table) for table in tables}
    return DepthwiseBlock(convolutions, has_shortcut=False)


def narrow(block: DepthwiseBlock) -> DepthwiseBlock:
    for layer, channels in ((block.expand, 10), (block.project, 7)):
        assert layer is not None
        assert isinstance(layer.conv, ElasticConv2d)
        layer.conv.active_out_channels = channels
    return block


BLOCKS: dict[str, Callable[[str], DepthwiseBlock]] = {
    "plain": lambda activation: make_block(PLAIN, activation),
    "elastic": lambda activation: make_block(ELASTIC, activation),
    "elastic, a part": lambda activation: narrow(make_block(ELASTIC, activation)),
}


def run(block: DepthwiseBlock, images: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What comes out, and the gradients of input and parameters."""
    images = images.clone(memory_format=torch.channels_last).requires_grad_()
    output = block(images)
    output.square().sum().backward()
    wanted = [images, *block.parameters()]
    return output.detach(), [tensor.grad for tensor in wanted if tensor.grad is not None]


def assert_same(ours: DepthwiseBlock, layer_by_layer: DepthwiseBlock) -> None:
    layer_by_layer.recomputes = False
    output, gradients = run(ours, IMAGES)
    expected_output, expected_gradients = run(layer_by_layer, IMAGES)

    assert torch.equal(output, expected_output)
    assert len(gradients) == len(expected_gradients) > 9
    for gradient, expected in zip(gradients, expected_gradients, strict=True):
        # The activation is computed twice, by formulas that round differently.
        torch.testing.assert_close(gradient, expected, atol=2e-4, rtol=1e-4)
    for name, buffer in layer_by_layer.named_buffers():
        assert torch.equal(ours.get_buffer(name), buffer), name


@pytest.mark.parametrize("activation", ["relu6", "relu", "h_swish"])
@pytest.mark.parametrize("kind", BLOCKS)
def test_output_statistics_and_gradients_are_those_of_the_layers(
    kind: str, activation: str
) -> None:
    assert_same(BLOCKS[kind](activation), BLOCKS[kind](activation))


def kept_bytes(block: DepthwiseBlock) -> int:
    """By what the block keeps for its backward pass, each memory once."""
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = block(IMAGES.contiguous(memory_format=torch.channels_last))
    assert output.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize("activation", ["relu6", "relu", "h_swish"])
def test_what_comes_out_of_an_activation_is_not_kept(activation: str) -> None:
    ours, layer_by_layer = make_block(PLAIN, activation), make_block(PLAIN, activation)
    layer_by_layer.recomputes = False

    # (4, 16, 10, 10) after the expansion and (4, 16, 5, 5) after the depthwise convolution.
    activations = 4 * 4 * 16 * (10 * 10 + 5 * 5)
    assert kept_bytes(layer_by_layer) - kept_bytes(ours) >= activations


def test_the_same_step_twice_gives_the_same_bits() -> None:
    first, second = (run(make_block(PLAIN, "relu6"), IMAGES)[1] for _ in range(2))

    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
