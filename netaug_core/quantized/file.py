"""model_int8.safetensors: a network in integers, with all that is needed to execute it.

Arrays are tensors, named by their convolution; everything else is JSON in the metadata.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from netaug_core import safetensors_header
from netaug_core.errors import ExportMismatch
from netaug_core.graph import documents
from netaug_core.graph.operations import IMAGE
from netaug_core.quantized import checking
from netaug_core.quantized.model import (
    AddNumbers,
    AverageNumbers,
    ConvNumbers,
    Numbers,
    Quantization,
    QuantizedModel,
    ScaleNumbers,
)

ARRAYS = ("weights", "bias", "mantissas", "shifts", "table")  # of ConvNumbers
PREPROCESSING = "preprocessing"  # the tensor of the bytes' integers
KEYS = ("graph", "tensors", "numbers", "classes")

_NUMBERS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind) for kind in (AverageNumbers, AddNumbers, ScaleNumbers)
}
_TENSORS = TypeAdapter(dict[str, Quantization])
_NAMES = TypeAdapter(tuple[str, ...])
_INTEGER = TypeAdapter(int)


@dataclass(frozen=True)
class QuantizedFile:
    """What a file holds.

    Attributes:
        class_names: in the order of the network's answers.
        tables: (C, 256) int8, the integer of each byte of a picture.
        facts: further metadata.
    """

    model: QuantizedModel
    class_names: tuple[str, ...]
    tables: NDArray[np.int8]
    facts: Mapping[str, str] = field(default_factory=dict)


def write(path: Path, content: QuantizedFile) -> None:
    """The same content is the same bytes."""
    arrays = {PREPROCESSING: np.ascontiguousarray(content.tables)}
    numbers = {}
    for name, found in content.model.numbers.items():
        values = dict(vars(found)) if isinstance(found, ConvNumbers) else asdict(found)
        for key in ARRAYS:
            array = values.pop(key, None)
            if array is not None:
                arrays[f"{name}.{key}"] = np.ascontiguousarray(array)
        numbers[name] = {"type": type(found).__name__, **values}
    document = {
        "graph": documents.of_graph(content.model.graph),
        "tensors": _TENSORS.dump_python(dict(content.model.tensors), mode="json"),
        "numbers": numbers,
        "classes": content.class_names,
    }
    texts = {key: json.dumps(value, sort_keys=True) for key, value in document.items()}
    save_file(arrays, path, {**content.facts, **texts})
    safetensors_header.sort_metadata(path)


def read(path: Path) -> QuantizedFile:
    """What a file holds, every number of it checked.

    Raises:
        ExportMismatch: the file is damaged, or no device could execute what it says.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
        return _content(metadata, load_file(path))
    except (SafetensorError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise ExportMismatch(f"{path.name} cannot be loaded again: {error}") from error


def _content(metadata: dict[str, str], arrays: dict[str, NDArray[Any]]) -> QuantizedFile:
    found = {key: json.loads(metadata.pop(key)) for key in KEYS}
    tables = arrays.pop(PREPROCESSING)
    numbers = {
        name: _numbers(name, dict(values), arrays) for name, values in found["numbers"].items()
    }
    if arrays:
        raise ValueError(f"nothing needs the tensor {min(arrays)}")
    graph = documents.to_graph(found["graph"])
    model = QuantizedModel(graph, _TENSORS.validate_python(found["tensors"]), numbers)
    checking.check(model)
    if tables.dtype != np.int8 or tables.shape != (graph.shapes[IMAGE].channels, 256):
        raise ValueError("preprocessing must have 256 integers of 8 bits for each channel")
    return QuantizedFile(model, _NAMES.validate_python(found["classes"]), tables, metadata)


def _numbers(name: str, values: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Numbers:
    kind = values.pop("type")
    if kind != ConvNumbers.__name__:
        numbers: Numbers = _NUMBERS[kind].validate_python(values)
        return numbers
    scale = values.pop("table_scale")
    integers: dict[str, Any] = {
        key: _INTEGER.validate_python(value) for key, value in values.items()
    }
    taken: dict[str, Any] = {
        key: arrays.pop(f"{name}.{key}") for key in ARRAYS if key != "table" or scale is not None
    }
    return ConvNumbers(**taken, **integers, table_scale=None if scale is None else float(scale))
