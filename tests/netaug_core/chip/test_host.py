"""Whole networks in C on this machine, under sanitizers, against the references."""

from pathlib import Path

import numpy as np
import pytest

from netaug_core.chip import host, tools
from netaug_core.chip.tools import ToolFailed, ToolMissing
from tests.netaug_core.c_export import tables
from tests.netaug_core.chip import programs

pytestmark = pytest.mark.usefixtures("gcc")


@pytest.mark.parametrize("name", [*tables.CLASSIFIERS, *tables.SOME_DETECTORS])
def test_integers_are_the_references_bit_for_bit(name: str, tmp_path: Path) -> None:
    case = programs.integers(tables.graph(name))

    run = host.run(case.program, case.images, tmp_path, flags=host.SANITIZERS)

    assert run.passed
    assert [one.tolist() for one in run.answers] == [one.tolist() for one in case.expected]
    assert all(len(np.unique(one)) > 3 for one in run.answers)  # the numbers say something


@pytest.mark.parametrize("name", ["mobilenet_v3", "resnet18", "yolov3-custom"])
def test_floats_are_the_references_but_for_the_order_of_sums(name: str, tmp_path: Path) -> None:
    case = programs.floats(tables.graph(name))

    run = host.run(case.program, case.images, tmp_path, flags=host.SANITIZERS)

    assert run.passed
    for found, expected in zip(run.answers, case.expected, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_a_prefix_of_ones_own_and_optimisation_change_nothing(tmp_path: Path) -> None:
    case = programs.integers(tables.graph("custom"), prefix="garden")

    run = host.run(case.program, case.images, tmp_path)

    assert run.passed
    assert run.milliseconds > 0
    assert run.answers[0].tolist() == case.expected[0].tolist()


def test_a_missing_compiler_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ToolMissing, match=r"gcc is not installed; .*apt-get install gcc"):
        tools.find("gcc", host.REMEDY)


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match=r"sleep was ended after 0\.1 seconds"):
        tools.run(["/bin/sleep", "30"], folder=tmp_path, limit_s=0.1)


def test_what_a_compiler_said_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match=r"gcc ended with code 1: .*no input files"):
        tools.run([tools.find("gcc", host.REMEDY)], folder=tmp_path, limit_s=10)
