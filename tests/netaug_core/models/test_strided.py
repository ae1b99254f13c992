"""A strided 1 x 1 convolution learns from the pixels it reads, whatever its channels."""

import pytest
import torch
from torch import Tensor, nn

from netaug_core.augment.elastic import ElasticConv2d
from netaug_core.models.blocks import PLAIN, conv_norm
from netaug_core.models.strided import convolve
from tests.netaug_core.networks import own

SIZE, BATCH = 8, 12


def images_of(channels: int) -> Tensor:
    generator = torch.Generator().manual_seed(channels)
    images = torch.randn(BATCH, channels, SIZE, SIZE, generator=generator)
    return images.contiguous(memory_format=torch.channels_last)


def layer(channels: int) -> ElasticConv2d:
    conv = ElasticConv2d(channels, 5, 1, 2, bias=False)
    conv.active_out_channels = 3
    return conv


@pytest.mark.parametrize("channels", range(1, 17))
def test_its_gradient_is_that_of_float64(channels: int) -> None:
    # The library's fault ends this process, or makes the gradient wrong.
    conv, images = layer(channels), images_of(channels)
    exact = conv.weight.detach().double()[:3].requires_grad_()
    torch.nn.functional.conv2d(images.double(), exact, stride=2).square().sum().backward()

    for _ in range(10):  # what was written past its memory may show later
        conv.weight.grad = None
        convolve(conv, images).square().sum().backward()

    assert conv.weight.grad is not None
    # Sums over 192 products of float32.
    torch.testing.assert_close(conv.weight.grad[:3].double(), exact.grad, atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize("kernel", [1, 3])
def test_what_it_computes_and_its_stride_stay(kernel: int) -> None:
    conv, images = nn.Conv2d(4, 5, kernel, 2, padding=kernel // 2), images_of(4)

    # The same products in another order.
    torch.testing.assert_close(convolve(conv, images), conv(images), atol=1e-6, rtol=1e-6)
    assert conv.stride == (2, 2)


def test_the_shortcut_of_a_block_goes_this_way_in_training_alone() -> None:
    shortcut = own().blocks[4].convolutions()[-1]
    assert (shortcut.kernel, shortcut.stride) == (1, 2)
    seen = []
    made = conv_norm(PLAIN, shortcut)
    made.conv.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-1]))

    made.train()(images_of(shortcut.in_channels))
    made.eval()(images_of(shortcut.in_channels))

    assert seen == [SIZE // 2, SIZE]
