"""model_int8.onnx: a quantised model for every runtime that reads ONNX, any batch size.

In QDQ form: each operation works on real numbers between a DequantizeLinear and a QuantizeLinear,
which a runtime replaces by its own integer kernel. Weights, biases, scales and zero points are the
model's own; how a sum is brought to its output's scale is the runtime's affair.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from netaug_core.export import onnx_operations
from netaug_core.export.onnx_file import INPUT, OPSET, OUTPUT
from netaug_core.export.onnx_nodes import Nodes, integers_of
from netaug_core.export.onnx_operations import before_of
from netaug_core.graph.operations import IMAGE, Shape
from netaug_core.quantized.model import ConvNumbers, QuantizedModel

CLASSIFIER = "classifier"  # the layer of a classifier that gives the logits
IR_VERSION = 10  # as torch's exporter: older runtimes read it


def write(path: Path, model: QuantizedModel, facts: Mapping[str, str]) -> None:
    """`facts` are metadata of the file. The same model is the same bytes."""
    document = build(model)
    helper.set_model_props(document, dict(sorted(facts.items())))
    path.write_bytes(document.SerializeToString(deterministic=True))


def build(model: QuantizedModel) -> onnx.ModelProto:
    """Outputs are real: `logits` (B, K) of a classifier, else each map (B, C, H, W) by its name."""
    nodes, shapes = Nodes(), model.graph.shapes
    nodes.quantise(INPUT, IMAGE, model.tensors[IMAGE])
    for operation in model.graph.operations:
        real = onnx_operations.add(nodes, model, operation)
        nodes.quantise(real, operation.name, model.tensors[operation.name])
    graph = helper.make_graph(
        nodes.nodes,
        "int8",
        [_value(INPUT, shapes[IMAGE])],
        [_answer(nodes, name, shapes[name]) for name in model.graph.outputs],
        nodes.constants,
        value_info=[_value(name, shape, TensorProto.INT8) for name, shape in _integers(model)],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def _answer(nodes: Nodes, name: str, shape: Shape) -> onnx.ValueInfoProto:
    if (shape.height, shape.width) == (1, 1) and name == CLASSIFIER:
        nodes.add("Flatten", [name], OUTPUT)
        return helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", shape.channels])
    return _value(name, shape)


def _value(name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    sizes: list[str | int | None] = ["batch", shape.channels, shape.height, shape.width]
    return helper.make_tensor_value_info(name, kind, sizes)


def _integers(model: QuantizedModel) -> Iterator[tuple[str, Shape]]:
    for name, shape in model.graph.shapes.items():
        yield integers_of(name), shape
        numbers = model.numbers.get(name)
        if isinstance(numbers, ConvNumbers) and numbers.table is not None:
            yield integers_of(before_of(name)), shape
