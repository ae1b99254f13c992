import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from netaug_core.augment.elastic import ElasticBatchNorm2d, ElasticConv2d, ElasticLinear

MOST = 12
channels = st.integers(1, MOST)
TOLERANCE = {"atol": 1e-6, "rtol": 1e-5}  # float32, a dozen terms


@given(inputs=channels, outputs=channels)
@settings(deadline=None, max_examples=30)
def test_a_convolution_at_a_width_is_the_convolution_of_the_leading_slice(
    inputs: int, outputs: int
) -> None:
    conv = ElasticConv2d(MOST, MOST, 3, 2, padding=1, bias=False)
    conv.active_out_channels = outputs
    images = torch.randn(2, inputs, 7, 7)

    expected = F.conv2d(images, conv.weight[:outputs, :inputs], stride=2, padding=1)

    torch.testing.assert_close(conv(images), expected, **TOLERANCE)


@given(inputs=channels, outputs=channels)
@settings(deadline=None, max_examples=12)
def test_a_convolution_s_bias_is_sliced_with_its_filters(inputs: int, outputs: int) -> None:
    conv = ElasticConv2d(MOST, MOST, 1)
    conv.active_out_channels = outputs
    images = torch.randn(2, inputs, 1, 1)
    assert conv.bias is not None

    expected = F.conv2d(images, conv.weight[:outputs, :inputs], conv.bias[:outputs])

    torch.testing.assert_close(conv(images), expected, **TOLERANCE)


@given(width=channels)
@settings(deadline=None, max_examples=12)
def test_a_depthwise_convolution_follows_the_channels_of_its_input(width: int) -> None:
    conv = ElasticConv2d(MOST, MOST, 3, padding=1, groups=MOST, bias=False)
    images = torch.randn(2, width, 5, 5)

    each = [F.conv2d(images[:, c : c + 1], conv.weight[c : c + 1], padding=1) for c in range(width)]

    torch.testing.assert_close(conv(images), torch.cat(each, 1), **TOLERANCE)


@given(width=channels)
@settings(deadline=None, max_examples=12)
def test_normalisation_updates_the_leading_statistics_and_no_others(width: int) -> None:
    norm = ElasticBatchNorm2d(MOST)
    plain = nn.BatchNorm2d(width)
    images = torch.randn(4, width, 3, 3) + 2

    torch.testing.assert_close(norm(images), plain(images), **TOLERANCE)
    torch.testing.assert_close(norm.running_mean[:width], plain.running_mean)
    torch.testing.assert_close(norm.running_var[:width], plain.running_var)
    assert torch.equal(norm.running_mean[width:], torch.zeros(MOST - width))


@given(width=channels)
@settings(deadline=None, max_examples=12)
def test_a_linear_layer_reads_the_leading_features(width: int) -> None:
    linear = ElasticLinear(MOST, 3)
    features = torch.randn(2, width)
    padded = F.pad(features, (0, MOST - width))

    torch.testing.assert_close(
        linear(features), F.linear(padded, linear.weight, linear.bias), **TOLERANCE
    )
