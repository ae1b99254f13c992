"""Operations in float32 against torch's."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from netaug_core.graph import execution
from netaug_core.graph.folded import FoldedModel
from netaug_core.graph.operations import IMAGE, Graph, MaxPool, Shape


def test_a_maximum_of_negative_values_is_not_that_of_the_border() -> None:
    pool = MaxPool(name="pool", inputs=(IMAGE,), kernel=3, stride=2)
    graph = Graph((pool,), {IMAGE: Shape(5, 4, 2), "pool": Shape(3, 2, 2)}, ("pool",))
    images = -np.random.default_rng(0).random((2, 5, 4, 2), np.float32)

    (found,) = execution.answers(FoldedModel(graph, {}), images)

    expected = F.max_pool2d(torch.from_numpy(images).permute(0, 3, 1, 2), 3, 2, padding=1)
    assert found.tolist() == expected.permute(0, 2, 3, 1).tolist()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", F.relu),
        ("relu6", F.relu6),
        ("h_swish", F.hardswish),
        ("h_sigmoid", F.hardsigmoid),
        ("none", lambda values: values),
    ],
)
def test_an_activation_is_torchs(name, expected) -> None:  # type: ignore[no-untyped-def]
    values = torch.linspace(-8, 8, 101)

    found = execution.activate(name, values.numpy())

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(values).numpy(), rtol=1e-6, atol=1e-6)
