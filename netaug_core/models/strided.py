"""Strided 1 x 1 convolutions, trained on a CPU without the fault of the library below torch."""

from torch import Tensor, nn


def convolve(conv: nn.Conv2d, images: Tensor) -> Tensor:
    """conv(images). A strided 1 x 1 convolution in training on a CPU sees the pixels it reads only.

    With fewer channels than its vectors hold, oneDNN's gradient of such a convolution's weight
    writes past its memory: wrong weights, a hang or a crash. Source: oneDNN issue 6035.
    """
    if not (conv.training and images.device.type == "cpu" and _is_strided_pointwise(conv)):
        output: Tensor = conv(images)
        return output
    stride = conv.stride
    conv.stride = (1, 1)
    try:
        output = conv(images[:, :, :: stride[0], :: stride[1]])
    finally:
        conv.stride = stride
    return output


def _is_strided_pointwise(conv: nn.Conv2d) -> bool:
    return conv.kernel_size == (1, 1) and conv.stride != (1, 1) and conv.groups == 1
