"""The first layer that is wrong is named."""

from pathlib import Path

import pytest

from netaug_core.c_export import templates
from netaug_core.c_export.options import Values
from netaug_core.chip import host, tracing
from netaug_core.chip.program import Program
from tests.netaug_core.c_export import models, tables

pytestmark = pytest.mark.usefixtures("gcc")


def first_difference(folder: Path) -> str | None:
    graph = tables.graph("custom")

    def run(program: Program, images: Values) -> tuple[Values, ...]:
        return host.run(program, images, folder, flags=("-O1",)).answers

    return tracing.first_difference(models.quantized(graph), models.images(graph, 2), run)


def test_no_layer_is_blamed_when_all_are_right(tmp_path: Path) -> None:
    assert first_difference(tmp_path) is None


def test_the_first_layer_of_a_wrong_kernel_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = templates.kernel
    wrong = ("factor.shift);", "factor.shift) + 1;")
    monkeypatch.setattr(
        templates,
        "kernel",
        lambda name: read(name).replace(*wrong) if name == "netaug_average.c" else read(name),
    )

    assert first_difference(tmp_path) == "blocks.1.average"
