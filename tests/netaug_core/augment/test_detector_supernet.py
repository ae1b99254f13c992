"""NetAug on a detector: whatever is drawn, the net runs as its own slices."""

import copy

import pytest
import torch
from torch import Tensor

from netaug_core.augment.channel_order import sort_channels
from netaug_core.augment.elastic import ElasticConv2d
from netaug_core.augment.supernet import Supernet
from netaug_core.detectors.table import Detector
from netaug_core.models.detector import DetectionNetwork, build
from netaug_core.sections.augment import AugmentSpec
from netaug_core.sections.training import TrainingSpec
from netaug_core.training.calibration import calibrate
from netaug_core.training.optim import sgd
from tests.netaug_core.detector_tables import DETECTORS, SIZE, each_detector

AUGMENT = AugmentSpec(width_multipliers=(1.0, 1.7), expand_multipliers=(1.0, 1.5))
JOINED = "levels.1.neck.first.conv.weight"
SOME = ("yolov3-mobilenet_v2", "yolov3-resnet18", "ssdlite-custom")
some_detectors = pytest.mark.parametrize("detector", [DETECTORS[name] for name in SOME], ids=SOME)
each_neck = pytest.mark.parametrize("widen_neck", [False, True], ids=["narrow", "wide"])
DetectorSupernet = Supernet[Detector, DetectionNetwork]


def make_supernet(detector: Detector, *, widen_neck: bool = True) -> DetectorSupernet:
    generator = torch.Generator().manual_seed(0)
    return Supernet(detector, AUGMENT, generator, widen_neck=widen_neck)


def images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def yolo() -> Detector:
    return DETECTORS["yolov3-mobilenet_v2"]


@each_detector
def test_the_base_network_is_plain_and_computes_what_the_supernet_does_as_base(
    detector: Detector,
) -> None:
    supernet = make_supernet(detector).eval()
    supernet.use_base()

    base = supernet.base_network().eval()

    assert base.architecture == detector
    assert not any(isinstance(m, ElasticConv2d) for m in base.modules())
    torch.testing.assert_close(base(images()), supernet(images()), rtol=1e-4, atol=1e-5)


@each_neck
@pytest.mark.parametrize("seed", range(3))
@some_detectors
def test_a_drawn_net_is_the_plain_network_of_its_own_table(
    detector: Detector, seed: int, widen_neck: bool
) -> None:
    # In training mode each layer is normalised: no part of the net is too faint to be seen.
    supernet = make_supernet(detector, widen_neck=widen_neck).double()
    drawn: list[Detector] = []
    use = supernet.use
    supernet.use = lambda net: (drawn.append(net), use(net))[1]  # type: ignore[method-assign]
    supernet.use_random(torch.Generator().manual_seed(seed))

    plain = build(drawn[0]).double()
    plain.load_state_dict(
        {
            key: by_hand(supernet, drawn[0], key, tensor)
            for key, tensor in plain.state_dict().items()
        }
    )

    torch.testing.assert_close(supernet(images().double()), plain(images().double()))


def by_hand(supernet: DetectorSupernet, drawn: Detector, name: str, tensor: Tensor) -> Tensor:
    """The drawn net's part of a weight; of a concatenation, column by column."""
    wide = supernet.network.state_dict()[name]
    conv = name.removesuffix(".conv.weight")
    parts = drawn.convolutions()[conv].in_parts if conv != name else ()
    if not parts:
        return wide[tuple(slice(size) for size in tensor.shape)]
    first, second = parts
    start = supernet.widest().convolutions()[conv].in_parts[0]
    columns = [*range(first), *range(start, start + second)]
    return wide[: tensor.shape[0]][:, columns]


@each_neck
def test_the_base_pass_has_the_plain_nets_gradients_and_no_others(widen_neck: bool) -> None:
    supernet = make_supernet(yolo(), widen_neck=widen_neck)
    supernet.use_base()
    base = supernet.base_network()

    for net in (supernet, base):
        net(images()).square().mean().backward()

    gradients = {name: p.grad for name, p in base.named_parameters()}
    places = tiny_places(supernet)
    for name, wide in supernet.network.named_parameters():
        expected = gradients[name]
        assert expected is not None
        assert wide.grad is not None
        own = wide.grad[places[name]]
        torch.testing.assert_close(own, expected.flatten(), rtol=1e-3, atol=1e-5, msg=name)
        assert not wide.grad[~places[name]].any(), name
    assert all(gradient.any() for gradient in gradients.values() if gradient is not None)


def tiny_places(supernet: DetectorSupernet) -> dict[str, Tensor]:
    """True where the tiny net's weights are: found by loading ones among zeros."""
    marked = copy.deepcopy(supernet)
    tiny = marked.base_network().state_dict()
    with torch.no_grad():
        for parameter in marked.parameters():
            parameter.zero_()
    marked.load_base({name: torch.ones_like(tensor) for name, tensor in tiny.items()})
    return {name: p.detach().bool() for name, p in marked.network.named_parameters()}


def test_a_sampled_pass_reaches_weights_outside_the_tiny_net() -> None:
    supernet = make_supernet(yolo())
    supernet.use(supernet.widest())

    supernet(images()).square().mean().backward()

    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in supernet.parameters())


def test_loading_the_base_gives_it_back_and_touches_nothing_else() -> None:
    supernet = make_supernet(yolo())
    tiny = build(yolo(), torch.Generator().manual_seed(7))
    before = supernet.network.state_dict()[JOINED].clone()

    supernet.load_base(tiny.state_dict())

    for name, tensor in supernet.base_network().state_dict().items():
        assert torch.equal(tensor, tiny.state_dict()[name]), name
    changed = supernet.network.state_dict()[JOINED] != before
    assert changed.sum() == tiny.state_dict()[JOINED].numel()
    assert changed[:64, 109:125].all()  # 64 x 1.7 = 108.8: the tap's 16 channels come after


def test_the_same_generator_draws_the_same_detectors() -> None:
    supernet = make_supernet(yolo()).eval()
    outputs = []
    for _ in range(2):
        supernet.use_random(torch.Generator().manual_seed(5))
        outputs.append(supernet(images()))

    assert torch.equal(*outputs)


@some_detectors
def test_sorting_keeps_the_widest_detectors_function(detector: Detector) -> None:
    torch.manual_seed(0)
    supernet = make_supernet(detector)
    optimizer = sgd(supernet, TrainingSpec(epochs=1, learning_rate=0.001))
    supernet(images()).square().mean().backward()
    optimizer.step()
    supernet = supernet.double().eval()
    before = supernet(images().double())
    weights = {name: p.clone() for name, p in supernet.named_parameters()}

    sort_channels(supernet, optimizer)

    moved = [name for name, p in supernet.named_parameters() if not torch.equal(p, weights[name])]
    assert any("blocks." in name for name in moved)
    assert any("levels." in name for name in moved)
    torch.testing.assert_close(supernet(images().double()), before)


def test_a_necks_inner_channels_are_sorted_with_their_depthwise_convolutions() -> None:
    supernet = make_supernet(yolo())
    counts = [len(part.inner_channels()) for part in supernet.network.sortable()[-3:]]

    # Of a neck the channels after the first and the widest convolution, of a head the widest ones.
    assert counts == [3, 3, 3]


def test_calibration_serves_a_detector() -> None:
    network = make_supernet(yolo()).base_network().double()
    pictures = images(4).double()
    expected = network.train()(pictures).detach()

    calibrate(network, [pictures], lambda: None)

    assert torch.allclose(network(pictures), expected, atol=1e-9)
