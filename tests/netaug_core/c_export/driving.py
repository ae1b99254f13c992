"""The compiled kernels, fed case by case."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from netaug_core.c_export.integer_convolutions import folded_bias
from netaug_core.chip import host, tools
from netaug_core.chip.program import FLAGS
from netaug_core.graph.operations import Conv
from netaug_core.quantized.model import ConvNumbers, Multiplier, QuantizedModel

NUMBERS = 20
_KERNELS = resources.files("netaug_core.c_export") / "kernels"
_IN_ZERO, _OUT_ZERO, _LOW, _HIGH, _FACTORS = 8, 9, 10, 11, 12


def build(folder: Path, *flags: str) -> Path:
    """The driver with all kernels; a read beyond an array, or undefined behaviour, ends it."""
    sources = [str(one) for one in _KERNELS.iterdir() if one.name.endswith(".c")]
    sources = [one for one in sources if not one.endswith("_f32.c")]
    driver = Path(__file__).with_name("driver.c")
    includes = ["-I", str(_KERNELS)]
    command = ["gcc", *FLAGS, *host.SANITIZERS, *flags, *includes, str(driver), *sources]
    tools.run([*command, "-o", "driver"], folder=folder, limit_s=120)
    return folder / "driver"


@dataclass
class Driver:
    """A running driver."""

    process: "subprocess.Popen[bytes]"

    def run(
        self, kernel: str, numbers: dict[int, int], arrays: Sequence[np.ndarray], count: int
    ) -> list[int]:
        """The `count` bytes that a kernel makes; `numbers` by their place."""
        header = np.zeros(NUMBERS, np.int32)
        for place, number in numbers.items():
            header[place] = number
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        message = [kernel.encode(), header.tobytes(), *(one.tobytes() for one in arrays)]
        self.process.stdin.write(b"".join(message))
        self.process.stdin.flush()
        answer = self.process.stdout.read(count)
        assert len(answer) == count, "the driver ended: a sanitizer's report is above"
        return np.frombuffer(answer, np.int8).tolist()


def shapes(model: QuantizedModel) -> dict[int, int]:
    """Places 0 to 5: input and output of a model's one operation."""
    operation = model.graph.operations[0]
    before = model.graph.in_shape(operation)
    after = model.graph.shapes[operation.name]
    sides = (before.height, before.width, before.channels)
    return dict(enumerate((*sides, after.height, after.width, after.channels)))


def zeros(model: QuantizedModel) -> dict[int, int]:
    """Of the first input and of the output."""
    operation = model.graph.operations[0]
    first, out = model.tensors[operation.inputs[0]], model.tensors[operation.name]
    return {_IN_ZERO: first.zero_point, _OUT_ZERO: out.zero_point}


def bounds(low: int, high: int) -> dict[int, int]:
    return {_LOW: low, _HIGH: high}


def factors(*multipliers: Multiplier) -> dict[int, int]:
    numbers = [number for one in multipliers for number in (one.mantissa, one.shift)]
    return {_FACTORS + place: number for place, number in enumerate(numbers)}


def conv_arrays(model: QuantizedModel, conv: Conv, image: np.ndarray) -> list[np.ndarray]:
    """What a convolution's kernel reads."""
    numbers = model.numbers[conv.name]
    assert isinstance(numbers, ConvNumbers)
    weights = numbers.weights.transpose(1, 2, 3, 0) if conv.depthwise else numbers.weights
    bias = folded_bias(numbers, model.tensors[conv.inputs[0]].zero_point)
    return [image, weights, bias, numbers.mantissas, numbers.shifts.astype(np.int8)]
