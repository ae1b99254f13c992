"""Drop path and DropBlock in the network under training, and only there."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netaug_core.data.batches import Targets
from netaug_core.models import tensors_file
from netaug_core.models.blocks import DepthwiseBlock, Join
from netaug_core.models.network import Network
from netaug_core.models.regularisers import DropBlock, DropPath
from netaug_core.spec import JobSpec
from netaug_core.training.calibration import calibrate
from netaug_core.training.draws import draw
from netaug_core.training.learner import Learner
from netaug_core.training.objective import Objective
from tests.netaug_core import runs, shared_training
from tests.netaug_core.networks import OWN

CPU = torch.device("cpu")
IMAGES = torch.randn(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
TARGETS = Targets(torch.arange(8))
# The map of the last blocks has one pixel.
BOTH: dict[str, Any] = {"drop_path": 0.5, "drop_block": 0.3, "drop_block_size": 1}
PLAIN: dict[str, Any] = {"augment": None}
each_method = pytest.mark.parametrize("method", [{}, PLAIN], ids=["netaug", "plain"])


def document(model: dict[str, Any], method: dict[str, Any] | None = None) -> dict[str, Any]:
    found = shared_training.document() | (method or {})
    found["model"] |= model
    return found


def make_learner(model: dict[str, Any], method: dict[str, Any] | None = None) -> Learner:
    spec = JobSpec.model_validate(document(model, method))
    architecture = spec.model.architecture(num_classes=10, in_channels=1)
    return Learner(spec, architecture, CPU, objective=Objective.of(spec))


def network_of(learner: Learner) -> Network:
    net = learner.plain or (learner.supernet and learner.supernet.network)
    assert net is not None
    return net


def weights_after(model: dict[str, Any], method: dict[str, Any], *epochs: int) -> Tensor:
    """All weights after a step of each of these epochs."""
    learner = make_learner(model, method)
    for step, epoch in enumerate(epochs):
        learner.step(IMAGES, TARGETS, epoch, step)
    return torch.cat([tensor.flatten() for tensor in learner.net.parameters()])


class Watch:
    """Notes what each module of a kind let through, as a share, in every pass."""

    def __init__(self, net: nn.Module, kind: type[nn.Module]) -> None:
        self.zeros: list[tuple[nn.Module, Tensor]] = []
        for module in net.modules():
            if isinstance(module, kind):
                module.register_forward_hook(self._note)

    def _note(self, module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        self.zeros.append((module, (output == 0) & (inputs[0] != 0)))


@each_method
@pytest.mark.parametrize(
    "model", [{"drop_path": 0.5}, {"drop_block": 0.3, "drop_block_size": 1}], ids=str
)
def test_each_of_them_changes_what_is_learnt(model: dict[str, Any], method: dict[str, Any]) -> None:
    assert not torch.equal(weights_after(model, method, 0), weights_after({}, method, 0))


def test_the_size_of_the_squares_changes_what_is_learnt() -> None:
    large = torch.randn(2, 1, 96, 96, generator=torch.Generator().manual_seed(0))
    found = []
    for size in (1, 3):
        model = {"input_size": 96, "drop_block": 0.3, "drop_block_size": size}
        learner = make_learner(model, PLAIN)
        found.append(learner.step(large, TARGETS.first(2), epoch=1, step=0))

    assert not torch.equal(*found)


def test_drop_block_drops_more_in_a_later_epoch_and_drop_path_does_not() -> None:
    learner = make_learner(BOTH | {"drop_path": 0.25}, PLAIN)
    probabilities = []
    for epoch in range(2):
        learner.step(IMAGES, TARGETS, epoch, step=epoch)
        drop_blocks = {m for m in learner.net.modules() if isinstance(m, DropBlock)}
        drop_paths = {m.probability for m in learner.net.modules() if isinstance(m, DropPath)}
        probabilities.append(sorted(module.probability for module in drop_blocks))
        assert max(drop_paths) == 0.25

    # Half of it in the first of two epochs, and a quarter in the earlier group.
    assert probabilities[0] == pytest.approx([0.15 / 4, 0.15])
    assert probabilities[1] == pytest.approx([0.3 / 4, 0.3])


def test_a_block_s_convolutions_are_passed_by_as_often_as_its_depth_says() -> None:
    learner = make_learner({"drop_path": 0.5}, PLAIN)
    learner.net.train()
    watch = Watch(learner.net, DropPath)
    torch.manual_seed(0)
    count = 400
    with torch.no_grad():
        learner.net(IMAGES.repeat(count // 8, 1, 1, 1))

    shares = [zeros.flatten(1).all(1).float().mean().item() for _, zeros in watch.zeros]

    # Ten shortcuts; four deviations of the share of 400 images.
    expected = [0.05 * depth for depth in range(1, 11)]
    assert shares == pytest.approx(expected, abs=4 * (0.25 / count) ** 0.5)


def test_drop_block_acts_after_every_convolution_that_has_a_map_and_in_every_shortcut() -> None:
    model = {"name": "custom", "network": OWN, "input_size": 33, "drop_block": 0.2}
    found = document({"drop_block_size": 3} | model, PLAIN)
    del found["model"]["width"]
    spec = JobSpec.model_validate(found)
    network = spec.model.architecture(num_classes=10, in_channels=1)
    net = Learner(spec, network, CPU, objective=Objective.of(spec)).plain
    assert net is not None

    acting = {
        name.removesuffix(".drop_block")
        for name, module in net.named_modules(remove_duplicate=False)
        if isinstance(module, DropBlock)
    }

    layers = {
        1: ("expand", "depthwise", "project"),  # a stride begins the last group but one
        2: ("expand", "depthwise", "project", "join"),  # without its squeeze-and-excitation
        3: ("first", "second", "join"),
        4: ("first", "second", "third", "join"),  # the projection is dropped in the join
        5: ("first", "second", "third", "join"),
    }
    expected = {f"blocks.{place}.{name}" for place, names in layers.items() for name in names}
    assert acting == expected
    # Each of them acts in a pass, however the layers around it are computed.
    watch = Watch(net, DropBlock)
    net.train()(torch.randn(2, 1, 33, 33))
    assert len(watch.zeros) == len(expected)


def test_both_passes_of_a_step_drop_and_not_the_same() -> None:
    learner = make_learner(BOTH)
    watch = Watch(learner.net, DropPath)

    learner.step(IMAGES, TARGETS, epoch=0, step=0)

    base, augmented = watch.zeros[:10], watch.zeros[10:]
    assert [module for module, _ in base] == [module for module, _ in augmented]
    images = [
        torch.stack([zeros.flatten(1).all(1) for _, zeros in one]) for one in (base, augmented)
    ]
    assert images[0].any()
    assert images[1].any()
    assert not torch.equal(*images)


@each_method
def test_what_is_deployed_computes_and_stores_the_same_as_without_them(
    method: dict[str, Any], tmp_path: Path
) -> None:
    files, answers = [], []
    for model in (BOTH, {}):
        network = make_learner(model, method).deployable().eval()
        tensors_file.write(tmp_path / "model.safetensors", network, {})
        files.append((tmp_path / "model.safetensors").read_bytes())
        answers.append(network(IMAGES))

    assert files[0] == files[1]
    assert torch.equal(*answers)


def test_a_net_cut_out_of_the_larger_one_has_none_of_them() -> None:
    deployed = make_learner(BOTH).deployable()

    assert not any(isinstance(module, DropBlock | DropPath) for module in deployed.modules())


def test_calibration_is_not_disturbed() -> None:
    statistics = []
    for model in (BOTH, {}):
        learner = make_learner(model, PLAIN)
        learner.regularisers.set_epoch(1)
        network = network_of(learner)
        calibrate(network, [IMAGES] * 2, lambda: None)
        statistics.append(torch.cat([b.flatten() for b in network.buffers()]))

    assert torch.equal(*statistics)


def test_the_average_of_the_weights_has_no_part_in_it() -> None:
    found = document(BOTH)
    found["training"]["ema_decay"] = 0.5
    spec = JobSpec.model_validate(found)
    architecture = spec.model.architecture(num_classes=10, in_channels=1)
    learner = Learner(spec, architecture, CPU, objective=Objective.of(spec))

    learner.step(IMAGES, TARGETS, epoch=0, step=0)

    one, same = (learner.deployable().eval()(IMAGES) for _ in range(2))
    assert torch.equal(one, same)


def test_without_them_nothing_is_drawn_that_was_not_before() -> None:
    net = network_of(make_learner({}, PLAIN)).train()
    before = torch.get_rng_state()

    net(IMAGES)

    assert torch.equal(torch.get_rng_state(), before)
    assert not any(join.drop_path or join.drop_block for join in joins(net))


def joins(net: nn.Module) -> list[Join]:
    found = [module for module in net.modules() if isinstance(module, Join)]
    assert any(isinstance(module, DepthwiseBlock) for module in net.modules())
    assert found
    return found


def test_a_step_drops_the_same_wherever_the_run_came_from() -> None:
    learner = make_learner(BOTH, PLAIN)
    torch.rand(17)
    first = learner.step(IMAGES, TARGETS, epoch=1, step=9)
    again = make_learner(BOTH, PLAIN)
    torch.rand(3)

    assert torch.equal(again.step(IMAGES, TARGETS, epoch=1, step=9), first)


def test_devices_drop_different_images() -> None:
    dropped = []
    for rank in (0, 1):
        draw(3, 0, rank, nets_by_rank=False)
        dropped.append(DropPath(0.5)(torch.ones(32, 1, 1, 1)))

    assert not torch.equal(*dropped)


@each_method
def test_a_resume_in_the_second_epoch_ends_with_the_same_bits(
    method: dict[str, Any], tmp_path: Path
) -> None:
    found = runs.tiny_document() | method
    found["model"] |= BOTH
    found["data"]["validation_fraction"] = 0.5  # 718 images: two steps an epoch

    both = runs.resume_after_three(JobSpec.model_validate(found), tmp_path)

    assert both.resumed.total_steps == 4
    both.ended_alike()
