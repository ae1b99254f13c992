"""The bundle: what is in it, and that its projects build."""

import io
import re
import subprocess
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netaug_core.c_export import bundle
from netaug_core.c_export.errors import BadIdentifier, NotExpressible
from netaug_core.c_export.options import Golden, Options
from netaug_core.graph import arena
from netaug_core.quantized import reference
from netaug_core.quantized.model import ConvNumbers, QuantizedModel
from tests.netaug_core.c_export import models, tables
from tests.skipping import installed

ROOT = Path(__file__).parents[3]
LABELS = ("sneaker", 'a "bag"??/', "Mütze", "ankle\nboot")
TABLES = np.arange(-128, 128).astype(np.int8)[None].repeat(3, 0)


def a_model(name: str = "custom") -> QuantizedModel:
    return models.quantized(tables.graph(name))


def options(model: QuantizedModel, prefix: str = "netaug") -> Options:
    images = models.images(model.graph, 2)
    golden = Golden(images, tuple(reference.answers(model, images)))
    return Options(
        golden=golden, prefix=prefix, title='four */ "things"', labels=LABELS, tables=TABLES
    )


def files(name: str = "custom", prefix: str = "netaug") -> dict[str, str]:
    model = a_model(name)
    return bundle.files(model, options(model, prefix))


def test_the_same_network_gives_the_same_archive() -> None:
    first, second = (bundle.archive(files(), "netaug") for _ in range(2))

    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as packed:
        assert packed.testzip() is None
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert packed.read("netaug/src/model.h").decode() == files()["src/model.h"]


def test_a_bundle_is_a_project_for_pcs_arduino_and_zephyr() -> None:
    names = set(files())

    assert {"src/model.h", "src/model.c", "src/selftest.c", "src/golden.h"} <= names
    assert {"Makefile", "CMakeLists.txt", "example_main.c", "README.md", "LICENSE"} <= names
    assert {"library.properties", "examples/selftest/selftest.ino"} <= names
    assert {"zephyr/module.yml", "zephyr/CMakeLists.txt", "zephyr/Kconfig"} <= names


def test_every_layer_is_a_line_with_its_name_and_place() -> None:
    code = files("mobilenet_v2")["src/model.c"]
    offsets = arena.plan(tables.graph("mobilenet_v2")).offsets

    before, after = offsets["blocks.0.project"], offsets["blocks.1.expand"]
    assert (
        f"    netaug_conv_1x1(&blocks_1_expand, arena + {before}, arena + {after}); "
        "/* blocks.1.expand 16x16x48 */\n"
    ) in code


def test_only_the_kernels_that_are_needed_are_in_it() -> None:
    names = set(files("mobilenet_v2"))

    assert "src/netaug_depthwise.c" in names
    assert not names & {"src/netaug_table.c", "src/netaug_concat.c", "src/netaug_conv_f32.c"}


def test_no_place_of_a_template_is_left_open() -> None:
    assert not [path for path, text in files().items() if re.search(r"@\w+@", text)]


def test_the_arena_is_as_planned() -> None:
    planned = arena.plan(tables.graph("custom"))

    header = files()["src/model.h"]

    assert f"#define NETAUG_ARENA_BYTES {planned.size_bytes}\n" in header
    assert f" * {planned.lower_bound_bytes} bytes: so many are alive at {planned.peak}." in header


def test_the_licence_is_the_projects() -> None:
    assert files()["LICENSE"] == (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_a_name_that_is_none_in_c_is_refused() -> None:
    with pytest.raises(BadIdentifier, match="got 'my-net'"):
        files(prefix="my-net")


def test_a_sum_that_could_overflow_is_refused_by_the_layers_name() -> None:
    model = a_model()
    stem = model.numbers["stem"]
    assert isinstance(stem, ConvNumbers)
    huge = replace(stem, bias=np.full_like(stem.bias, 2**30))

    with pytest.raises(NotExpressible, match=r"stem can add up to 1,07\d,\d{3},\d{3}"):
        bundle.files(replace(model, numbers={**model.numbers, "stem": huge}), options(model))


def test_weights_that_are_no_numbers_are_refused_by_the_layers_name() -> None:
    model = models.folded(tables.graph("custom"))
    model.convolutions["stem"].weights[0, 0, 0, 0] = np.nan
    images = models.images(model.graph, 1).astype(np.float32)
    golden = Golden(images, (np.zeros((1, 1, 1, 4), np.float32),))

    with pytest.raises(NotExpressible, match="stem has weights or a bias that are no finite"):
        bundle.files(model, Options(golden=golden))


def test_golden_vectors_of_another_network_are_refused() -> None:
    model = a_model()
    other = options(a_model("yolov3-custom"))

    with pytest.raises(NotExpressible, match="golden images and answers must have the shapes"):
        bundle.files(model, other)


def test_tables_of_other_channels_are_refused() -> None:
    model = a_model()

    with pytest.raises(NotExpressible, match=r"tables must be \(3, 256\); got \(1, 256\)"):
        bundle.files(model, replace(options(model), tables=TABLES[:1]))


def test_make_builds_it_and_passes(tmp_path: Path) -> None:
    installed("gcc", "make")
    model = a_model()
    chosen = options(model, prefix="garden")
    bundle.write(tmp_path, bundle.files(model, chosen))

    printed = subprocess.run(
        ["make", "CFLAGS=-O1 -Werror -Wpedantic"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout

    crc = zlib.crc32(
        b"".join(one.tobytes() for pair in zip(*chosen.golden.answers, strict=True) for one in pair)
    )
    assert f"PASS 2 images, CRC-32 {crc:08X}\n" in printed
    assert "classifier: the largest of 4 values is number" in printed


def test_cmake_builds_it_and_passes(tmp_path: Path) -> None:
    installed("gcc", "cmake")
    bundle.write(tmp_path, files())

    for command in (["cmake", "-B", "build"], ["cmake", "--build", "build"]):
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=120)
    done = subprocess.run(
        ["ctest", "--test-dir", "build"], cwd=tmp_path, capture_output=True, check=True, timeout=60
    )

    assert b"100% tests passed" in done.stdout


def test_labels_and_preprocessing_are_those_of_training(tmp_path: Path) -> None:
    installed("gcc")
    texts = files() | {"example_main.c": PRINTING}
    bundle.write(tmp_path, texts)
    subprocess.run(["make", "build/example"], cwd=tmp_path, capture_output=True, check=True)

    printed = subprocess.run([tmp_path / "build/example"], capture_output=True, check=True).stdout

    count = 32 * 32 * 3
    inputs = np.frombuffer(printed[:count], np.int8)
    assert inputs.tolist() == [i % 256 - 128 for i in range(count)]
    assert printed[count:].split(b"\0")[:-1] == [label.encode() for label in LABELS]


PRINTING = """
#include <stdio.h>
#include <string.h>
#include "model.h"

int main(void)
{
    static uint8_t pixels[NETAUG_INPUT_ELEMENTS];
    int i;
    for (i = 0; i < NETAUG_INPUT_ELEMENTS; i++) {
        pixels[i] = (uint8_t)i;
    }
    netaug_preprocess(pixels);
    fwrite(netaug_input(), 1, NETAUG_INPUT_ELEMENTS, stdout);
    for (i = 0; i < NETAUG_NUM_LABELS; i++) {
        fwrite(netaug_labels[i], 1, strlen(netaug_labels[i]) + 1, stdout);
    }
    return 0;
}
"""
