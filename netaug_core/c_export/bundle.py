"""The bundle: one archive that is a C project, an Arduino library and a Zephyr module."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from netaug_core.c_export import network, options, sources, templates
from netaug_core.c_export.network import Network
from netaug_core.c_export.options import Options
from netaug_core.graph.folded import FoldedModel
from netaug_core.quantized.model import QuantizedModel

# The same network gives the same archive: this is the oldest time that a zip can tell.
EARLIEST = (1980, 1, 1, 0, 0, 0)
READABLE = 0o100644 << 16
_TEMPLATES = {
    "README.md": "README.md",
    "LICENSE": "LICENSE",
    "Makefile": "Makefile",
    "CMakeLists.txt": "CMakeLists.txt",
    "example_main.c": "example_main.c",
    "library.properties": "library.properties",
    "examples/selftest/selftest.ino": "selftest.ino",
    "zephyr/module.yml": "zephyr_module.yml",
    "zephyr/CMakeLists.txt": "zephyr_CMakeLists.txt",
    "zephyr/Kconfig": "Kconfig",
}


def files(model: QuantizedModel | FoldedModel, choices: Options) -> dict[str, str]:
    """The text of every file by its path.

    Raises:
        BadIdentifier: the prefix is no name in C.
        NotExpressible: the network, or what should come with it, cannot be written as C.
    """
    options.check(choices, model.graph)
    coded = network.of(model)
    written = sources.of(coded, choices)
    compiled = sorted(name for name in written if name.endswith(".c") and name != "selftest.c")
    values = sources.facts(coded, choices) | _project(coded, choices) | _lists(compiled)
    project = {path: templates.fill(name, values) for path, name in _TEMPLATES.items()}
    code = {f"src/{name}": text for name, text in written.items()}
    return dict(choices.extra_files) | code | project


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Lay a bundle's files below a folder."""
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def archive(texts: Mapping[str, str], prefix: str) -> bytes:
    """A zip of a bundle, in a folder of its prefix's name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for path in sorted(texts):
            entry = zipfile.ZipInfo(f"{prefix}/{path}", EARLIEST)
            entry.external_attr = READABLE
            entry.create_system = 3  # Unix, whatever wrote it
            packed.writestr(entry, texts[path].encode(), zipfile.ZIP_DEFLATED, 6)
    return buffer.getvalue()


def _project(coded: Network, choices: Options) -> dict[str, object]:
    prefix, graph = choices.prefix, coded.graph
    shapes = [graph.shapes[name] for name in graph.outputs]
    fills = f"{prefix}_preprocess(pixels);" if choices.tables is not None else ""
    return {
        "output_shapes": ", ".join(
            f"{one.height} x {one.width} x {one.channels}" for one in shapes
        ),
        "constant_bytes": f"{coded.constant_bytes:,}",
        "num_golden": len(choices.golden.images),
        "golden_note": " (it depends on the compiler here)" if coded.kind == "float32" else "",
        "usage": f"{fills} /* height x width x channels bytes */" if fills else _copying(prefix),
        "fill_hint": f"{fills or f'write to {prefix}_input().'}",
    }


def _copying(prefix: str) -> str:
    return f"memcpy({prefix}_input(), image, {prefix.upper()}_INPUT_ELEMENTS * sizeof *image);"


def _lists(compiled: list[str]) -> dict[str, object]:
    objects = " ".join(f"build/{name.removesuffix('.c')}.o" for name in compiled)
    return {
        "make_objects": objects,
        "cmake_sources": "".join(f"  src/{name}\n" for name in compiled),
        "zephyr_sources": "".join(f"    ../src/{name}\n" for name in [*compiled, "selftest.c"]),
    }
