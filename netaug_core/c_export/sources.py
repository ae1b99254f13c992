"""The C files of a network: model.h, model.c, weights.h, the self-test and its golden vectors."""

import numpy as np

from netaug_core.c_export import literals, templates
from netaug_core.c_export.network import Network
from netaug_core.c_export.options import Golden, Options, Values
from netaug_core.graph.operations import IMAGE

_C_TYPES = {"int8": "int8_t", "float32": "float"}
_FORMATS = {"int8": "%d", "float32": "%.9g"}
_KERNELS = {"int8": "netaug_kernels.h", "float32": "netaug_kernels_f32.h"}


def of(network: Network, options: Options) -> dict[str, str]:
    """The text of every file of `src/` by its name, the kernels included."""
    values = facts(network, options) | _code(network, options) | _golden(options.golden)
    names = ("model.h", "model.c", "weights.h", "golden.h", "selftest.h", "selftest.c")
    files = {name: templates.fill(name, values) for name in names}
    kernels = network.kernels | {_KERNELS[network.kind]}
    return files | {
        file: templates.kernel(file) for file in kernels | templates.headers_of(kernels)
    }


def facts(network: Network, options: Options) -> dict[str, object]:
    """What any file of the bundle may say of its network."""
    graph = network.graph
    image = graph.shapes[IMAGE]
    outputs = [graph.shapes[name] for name in graph.outputs]
    return {
        "prefix": options.prefix,
        "PREFIX": options.prefix.upper(),
        "title": literals.comment(options.title).replace('"', "'"),
        "kind": "8-bit integers" if network.kind == "int8" else "float",
        "value": _C_TYPES[network.kind],
        "format": _FORMATS[network.kind],
        "macs": f"{network.macs:,}",
        "height": image.height,
        "width": image.width,
        "channels": image.channels,
        "input_elements": image.elements,
        "output_elements": sum(shape.elements for shape in outputs),
        "num_outputs": len(outputs),
        "num_labels": len(options.labels),
        "arena_bytes": network.arena.size_bytes,
        "lower_bound": network.arena.lower_bound_bytes,
        "peak": literals.comment(network.arena.peak),
    }


def _code(network: Network, options: Options) -> dict[str, object]:
    indented = [f"{literals.INDENT}{call}" for step in network.steps for call in step.calls]
    tables = options.tables
    header = facts(network, options)
    return {
        "kernels_header": _KERNELS[network.kind],
        "memory": _memory(network, options.prefix.upper()),
        "layers": "\n\n".join(step.layer for step in network.steps if step.layer),
        "constants": "\n\n".join(_constants(network, tables)),
        "outputs": "\n".join(_output(network, name) for name in network.graph.outputs),
        "calls": "\n".join(indented),
        "input_offset": network.places.elements[IMAGE],
        "labels": _labels(options),
        "labels_declaration": _labels_declaration(options),
        "preprocess": "" if tables is None else templates.fill("preprocess.c", header),
        "preprocess_declaration": "" if tables is None else _preprocess_declaration(options.prefix),
    }


def _memory(network: Network, capitals: str) -> str:
    if network.kind == "int8":
        return (
            f"static int32_t memory[({capitals}_ARENA_BYTES + 3) / 4]; /* words: aligned */\n"
            "#define arena ((int8_t *)memory)"
        )
    return f"static float arena[{capitals}_ARENA_BYTES / sizeof(float)];"


def _constants(network: Network, tables: Values | None) -> list[str]:
    constants = [step.constants for step in network.steps if step.constants]
    if tables is not None:
        constants.append(literals.array("tables", tables, comment="of 256 bytes, by channel"))
    return constants


def _output(network: Network, name: str) -> str:
    shape, numbers = network.graph.shapes[name], network.quantizations[name]
    fields = (
        literals.text(name),
        *map(str, (shape.height, shape.width, shape.channels)),
        literals.number(float(numbers.scale)),
        str(numbers.zero_point),
        network.places.address(name),
    )
    return f"{literals.INDENT}{{{', '.join(fields)}}},"


def _labels_declaration(options: Options) -> str:
    if not options.labels:
        return ""
    prefix = options.prefix
    return f"extern const char *const {prefix}_labels[{prefix.upper()}_NUM_LABELS];\n"


def _labels(options: Options) -> str:
    if not options.labels:
        return ""
    prefix = options.prefix
    head = f"\nconst char *const {prefix}_labels[{prefix.upper()}_NUM_LABELS] = {{"
    lines = [f"{literals.INDENT}{literals.text(label)}," for label in options.labels]
    return "\n".join([head, *lines, "};\n"])


def _preprocess_declaration(prefix: str) -> str:
    return (
        "\n/* Writes the input from bytes, (height, width, channels), as in training. */\n"
        f"void {prefix}_preprocess(const uint8_t *pixels);\n"
    )


def _golden(golden: Golden) -> dict[str, object]:
    count = len(golden.images)
    answers = np.concatenate([one.reshape(count, -1) for one in golden.answers], axis=1)
    return {
        "reference": literals.comment(golden.reference),
        "num_images": count,
        "tolerance": literals.number(float(golden.tolerance)),
        "inputs": literals.array("golden_inputs", golden.images),
        "answers": literals.array("golden_outputs", answers),
    }
