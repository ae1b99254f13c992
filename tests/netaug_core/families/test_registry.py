"""The families have the published numbers of parameters and multiply-accumulates."""

import pytest
import torch
import torchvision

from netaug_core import cost, widths
from netaug_core.architectures import Architecture, ModelOptions
from netaug_core.families.registry import FAMILIES
from netaug_core.models.network import build
from tests.netaug_core.networks import norm_params

EXPAND = (1.0, 1.6, 2.2, 2.8)
PLAIN_RESNETS = {
    "resnet18": torchvision.models.resnet18,
    "resnet50": torchvision.models.resnet50,
}


def paper(name: str) -> Architecture:
    return FAMILIES[name].build(ModelOptions(num_classes=1000, width=FAMILIES[name].width))


# Convolutions and the classifier; then batch normalisation's scale and shift too.
@pytest.mark.parametrize(
    ("name", "size", "without_norm", "params", "macs"),
    [
        ("mobilenet_v2_tiny", 144, 737_864, 750_280, 23_499_152),
        ("mobilenet_v2", 160, 1_663_048, 1_677_128, 30_874_800),
        ("mobilenet_v3", 160, 2_101_264, 2_109_840, 19_495_688),
        ("proxylessnas_mobile", 160, 1_767_376, 1_781_344, 35_716_800),
        ("mcunet", 176, 722_032, 737_408, 81_785_520),
    ],
)
def test_the_paper_s_networks_have_its_parameters_and_macs(
    name: str, size: int, without_norm: int, params: int, macs: int
) -> None:
    network = paper(name)

    counted = cost.measure(network, size)

    assert counted.params == params
    assert counted.params - norm_params(network) == without_norm
    assert counted.macs == macs


# Without batch normalisation; MACs in millions.
@pytest.mark.parametrize(
    ("name", "size", "width", "params", "mega_macs"),
    [
        ("mobilenet_v2_tiny", 144, (1.0, 1.8, 2.6), 5_746_567, 334.4),
        ("mobilenet_v2", 160, (1.0, 1.8, 2.6), 8_539_000, 412.2),
        ("mobilenet_v3", 160, (1.0, 2.0, 3.0), 25_115_287, 360.4),
        ("proxylessnas_mobile", 160, (1.0, 1.8, 2.6), 9_644_234, 453.5),
        ("mcunet", 176, (1.0, 1.6, 2.2), 7_179_699, 866.3),
    ],
)
def test_the_widest_augmented_nets_have_the_reference_s_parameters_and_macs(
    name: str, size: int, width: tuple[float, ...], params: int, mega_macs: float
) -> None:
    widest = widths.widest(paper(name), widths.Multipliers(width, EXPAND))

    counted = cost.measure(widest, size)

    assert counted.params - norm_params(widest) == params
    assert counted.macs / 1e6 == pytest.approx(mega_macs, abs=0.05)


@pytest.mark.parametrize("name", PLAIN_RESNETS)
def test_resnets_compute_what_torchvision_s_compute(name: str) -> None:
    torch.manual_seed(0)
    theirs = PLAIN_RESNETS[name]().eval()
    ours = build(paper(name)).eval()
    values = list(theirs.state_dict().values())
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    images = torch.randn(2, 3, 64, 64)

    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)


def test_mobilenet_v2_at_width_one_has_the_published_size() -> None:
    network = FAMILIES["mobilenet_v2"].build(ModelOptions(num_classes=1000, width=1.0))

    counted = cost.measure(network, 224)

    assert counted.params == 3_504_872  # torchvision's mobilenet_v2
    assert counted.macs == 300_774_272


def test_a_resnet_for_small_images_keeps_their_pixels() -> None:
    network = FAMILIES["resnet18"].build(ModelOptions(num_classes=10, stem_stride=1))

    assert network.pool is None
    assert (network.stem.kernel, network.stem.stride) == (3, 1)
