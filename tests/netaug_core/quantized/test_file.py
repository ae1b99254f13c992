"""A network in integers, written and read again."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from netaug_core.errors import ExportMismatch
from netaug_core.export import folding
from netaug_core.quantized import file, preprocessing, quantising, reference
from netaug_core.quantized.file import QuantizedFile
from netaug_core.quantized.model import QuantizedModel
from tests.netaug_core import detector_tables, trained
from tests.netaug_core.detector_tables import DETECTORS
from tests.netaug_core.networks import own
from tests.netaug_core.quantized import cases


def content(model: QuantizedModel) -> QuantizedFile:
    tables = preprocessing.tables(cases.PIXELS, model.tensors["image"])
    return QuantizedFile(model, ("a", "b", "c", "d", "é"), tables, {"input_size": "32"})


@pytest.fixture(scope="module")
def model() -> QuantizedModel:
    return cases.quantised(own())


def test_what_is_read_is_what_was_written(model: QuantizedModel, tmp_path: Path) -> None:
    file.write(tmp_path / "model.safetensors", content(model))

    found = file.read(tmp_path / "model.safetensors")

    assert found.class_names == ("a", "b", "c", "d", "é")
    assert found.facts == {"input_size": "32"}
    assert found.tables.tolist() == content(model).tables.tolist()
    assert found.model.graph == model.graph
    assert found.model.tensors == model.tensors
    for name, numbers in model.numbers.items():
        for key, value in vars(numbers).items():
            assert np.array_equal(getattr(found.model.numbers[name], key), value), (name, key)


def test_a_detector_answers_the_same_from_its_file(tmp_path: Path) -> None:
    size = detector_tables.SIZE
    folded = folding.fold(trained.detector(DETECTORS["yolov3-custom"]), size)
    model = quantising.quantise(folded, cases.calibration(size=size), "min_max")
    images = cases.integers(model, cases.pictures(2, seed=4, size=size))

    file.write(tmp_path / "model.safetensors", content(model))

    found = file.read(tmp_path / "model.safetensors").model
    for ours, theirs in zip(
        reference.answers(found, images), reference.answers(model, images), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_the_same_model_is_the_same_file(model: QuantizedModel, tmp_path: Path) -> None:
    shuffled = replace(
        model,
        tensors=dict(reversed(model.tensors.items())),
        numbers=dict(reversed(model.numbers.items())),
    )
    file.write(tmp_path / "first", content(model))
    file.write(tmp_path / "second", replace(content(shuffled), facts={"input_size": "32"}))

    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def damaged(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Path:
    """The file after a change to its tensors and its metadata, both by name."""
    with safe_open(path, framework="numpy") as opened:
        metadata = {
            key: value if key == "input_size" else json.loads(value)
            for key, value in opened.metadata().items()
        }
    tensors = dict(load_file(path))
    change(tensors, metadata)
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
    save_file(tensors, path, texts)
    return path


def operation(metadata: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in metadata["graph"]["operations"] if one["name"] == name)


def put(place: Any, key: Any, value: Any) -> None:
    place[key] = value


SE = "blocks.0.scale"
DAMAGES: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], object], str]] = {
    "no graph": (lambda t, m: m.pop("graph"), "graph"),
    "no weights": (lambda t, m: t.pop("stem.weights"), "stem.weights"),
    "a tensor too many": (lambda t, m: put(t, "x", t["stem.bias"]), "nothing needs the tensor x"),
    "another shape": (
        lambda t, m: put(t, "stem.weights", t["stem.weights"][:, :1]),
        r"stem.weights must be \(6, 3, 3, 3\)",
    ),
    "another type": (
        lambda t, m: put(t, "stem.bias", t["stem.bias"].astype(np.int64)),
        "stem.bias must be",
    ),
    "a weight of -128": (
        lambda t, m: put(t, "stem.weights", np.full_like(t["stem.weights"], -128)),
        "stem.weights must be of -127..127",
    ),
    "a mantissa that is none": (
        lambda t, m: put(t, "stem.mantissas", t["stem.mantissas"] // 2),
        "stem has a factor that is none",
    ),
    "a factor that is none": (
        lambda t, m: put(m["numbers"][SE]["factor"], "shift", 31),
        f"{SE} has a factor that is none",
    ),
    "sums beyond 32 bits": (
        lambda t, m: put(t, "stem.bias", np.full_like(t["stem.bias"], 2**31 - 1)),
        "stem can add up to",
    ),
    "no scale": (
        lambda t, m: put(m["tensors"]["stem"], "scale", 0.0),
        "stem must have a positive scale",
    ),
    "a zero point of nine bits": (
        lambda t, m: put(m["tensors"]["stem"], "zero_point", 128),
        "stem must have a positive scale and a zero point",
    ),
    "another zero point": (
        lambda t, m: put(m["numbers"]["stem"], "zero_point", 5),
        "stem must have the zero point of what it makes",
    ),
    "bounds the wrong way": (
        lambda t, m: (
            put(m["numbers"]["stem"], "low", 127) or put(m["numbers"]["stem"], "high", 126)
        ),
        "stem must be clamped",
    ),
    "a bound of nine bits": (
        lambda t, m: put(m["numbers"]["stem"], "high", 200),
        "stem must be clamped",
    ),
    "no quantisation": (lambda t, m: m["tensors"].pop("stem"), "every tensor must have"),
    "no numbers": (lambda t, m: m["numbers"].pop(SE), "must have its numbers"),
    "other numbers": (
        lambda t, m: put(m["numbers"][SE], "type", "AverageNumbers"),
        f"{SE} must have ScaleNumbers",
    ),
    "numbers of no kind": (lambda t, m: put(m["numbers"][SE], "type", "X"), "'X'"),
    "an operation of no kind": (lambda t, m: put(operation(m, SE), "type", "X"), "'X'"),
    "a function of no kind": (lambda t, m: put(operation(m, "stem"), "activation", "x"), "Input"),
    "a kernel of another size": (
        lambda t, m: put(operation(m, "stem"), "kernel", 5),
        r"stem.weights must be \(6, 5, 5, 3\)",
    ),
    "an even kernel": (lambda t, m: put(operation(m, "pool"), "kernel", 2), "odd kernel"),
    "a stride of nothing": (lambda t, m: put(operation(m, "pool"), "stride", 0), "odd kernel"),
    "another stride": (lambda t, m: put(operation(m, "stem"), "stride", 2), "stem must be"),
    "another map": (
        lambda t, m: put(m["graph"]["shapes"]["stem"], "height", 31),
        "stem must be",
    ),
    "a map of no rows": (
        lambda t, m: put(m["graph"]["shapes"]["image"], "height", 0),
        "image must have",
    ),
    "an unknown input": (lambda t, m: put(operation(m, SE), "inputs", ["x", "y"]), "must read"),
    "a second input of another shape": (
        lambda t, m: put(operation(m, SE), "inputs", [operation(m, SE)["inputs"][0]] * 2),
        f"{SE} must read",
    ),
    "one input of two": (lambda t, m: put(operation(m, SE), "inputs", ["stem"]), "inputs"),
    "no answer": (lambda t, m: put(m["graph"], "outputs", []), "must have an output"),
    "an untied pool": (
        lambda t, m: put(m["tensors"]["pool"], "scale", 0.5),
        "pool only moves bytes",
    ),
    "no table": (lambda t, m: t.pop("head.table"), "head.table"),
    "a short table": (
        lambda t, m: put(t, "head.table", t["head.table"][:255].copy()),
        "head.table must be",
    ),
    "a table too many": (
        lambda t, m: (
            put(m["numbers"]["stem"], "table_scale", 1.0) or put(t, "stem.table", t["head.table"])
        ),
        "stem must have a table exactly if",
    ),
    "a table without a scale": (
        lambda t, m: put(m["numbers"]["head"], "table_scale", float("nan")),
        "head must have a positive scale",
    ),
    "short preprocessing": (
        lambda t, m: put(t, "preprocessing", t["preprocessing"][:2].copy()),
        "preprocessing must have 256",
    ),
    "classes that are none": (lambda t, m: put(m, "classes", [1, 2]), "string"),
    "numbers that are none": (lambda t, m: put(m, "numbers", [1]), "items"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_refused_with_what_is_wrong(
    model: QuantizedModel, tmp_path: Path, name: str
) -> None:
    change, message = DAMAGES[name]
    path = tmp_path / "model_int8.safetensors"
    file.write(path, content(model))

    damaged(path, change)

    with pytest.raises(ExportMismatch, match=r"(?s)^model_int8.safetensors cannot be .*" + message):
        file.read(path)


def test_a_file_that_was_cut_short_is_refused(model: QuantizedModel, tmp_path: Path) -> None:
    path = tmp_path / "model_int8.safetensors"
    file.write(path, content(model))
    path.write_bytes(path.read_bytes()[:-10])

    with pytest.raises(ExportMismatch, match="cannot be loaded again"):
        file.read(path)


def test_a_file_that_is_changed_in_nothing_is_read(model: QuantizedModel, tmp_path: Path) -> None:
    # Otherwise the refusals above would mean nothing.
    path = tmp_path / "model_int8.safetensors"
    file.write(path, content(model))

    assert file.read(damaged(path, lambda tensors, metadata: None)).model.graph == model.graph
