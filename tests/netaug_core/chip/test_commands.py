"""`python -m netaug_core bundle` and `chip` on a file."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from netaug_core.__main__ import main
from netaug_core.chip.emulator import COMPILER, EMULATOR
from netaug_core.quantized import file
from netaug_core.quantized.file import QuantizedFile
from tests.netaug_core.c_export import models, tables
from tests.skipping import installed

TABLES = np.arange(-128, 128).astype(np.int8)[None].repeat(3, 0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model_int8.safetensors"
    network = models.quantized(tables.graph("mobilenet_v2"))
    file.write(path, QuantizedFile(network, ("a", "b", "c", "d"), TABLES))
    return path


def test_a_bundle_is_written_with_labels_and_preprocessing(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"

    assert main(["bundle", str(model), "--name", "garden", "--out", str(out)]) == 0

    with zipfile.ZipFile(out) as packed:
        code = packed.read("garden/src/model.c").decode()
    assert "garden_preprocess" in code
    assert '    "c",\n' in code


def test_a_file_runs_here_and_on_a_board(
    model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    installed("gcc", COMPILER, EMULATOR)
    pictures = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), np.uint8)
    np.save(tmp_path / "pictures.npy", pictures)
    options = ["--board", "mps2-an386", "--images", str(tmp_path / "pictures.npy")]

    assert main(["chip", str(model), *options]) == 0

    here, board = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert here["agrees"]
    assert board["agrees"]
    assert (here["machine"], board["machine"]) == ("host", "mps2-an386")
    assert here["crc"] == board["crc"]
    assert board["instructions"] > 1000


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--name", "my-net"], 64, "got 'my-net'"),
        (["--images", "gone.npy"], 65, "cannot read gone.npy: No such file"),
        (["--images", "{model}"], 65, "is no array of NumPy"),
        (["--images", "{small}"], 65, r"must hold bytes of shape (N, 32, 32, 3); got uint8 (1, 2"),
        (["--noise", "0"], 64, "golden images and answers must have"),
    ],
)
def test_what_is_wrong_is_told(
    options: list[str],
    code: int,
    message: str,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    np.save(tmp_path / "small.npy", np.zeros((1, 2, 2, 3), np.uint8))
    paths = {"model": model, "small": tmp_path / "small.npy"}
    filled = [option.format(**paths) for option in options]

    assert main(["bundle", str(model), "--out", str(tmp_path / "x.zip"), *filled]) == code
    assert message in capsys.readouterr().err


def test_a_missing_model_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = tmp_path / "gone.safetensors"

    assert main(["bundle", str(gone), "--out", str(tmp_path / "x.zip")]) == 65
    assert "cannot read" in capsys.readouterr().err


def test_help_does_not_wait_for_numpy() -> None:
    code = "import sys, netaug_core.chip.arguments; sys.exit('numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
