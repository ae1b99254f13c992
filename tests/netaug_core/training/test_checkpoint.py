"""Checkpoints are whole or absent; a damaged one is refused."""

from pathlib import Path

import pytest
import torch

from netaug_core.errors import CheckpointUnusable
from netaug_core.training import checkpoint

CONTENTS = {"step": 3, "net": {"weight": torch.arange(4.0)}}


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "c.pt", CONTENTS)

    found = checkpoint.read(tmp_path / "c.pt")

    assert found["step"] == 3
    assert torch.equal(found["net"]["weight"], torch.arange(4.0))


def test_no_temporary_file_is_left(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "c.pt", CONTENTS)

    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    checkpoint.write(path, CONTENTS)
    old = path.read_bytes()

    with pytest.raises(TypeError):
        checkpoint.write_atomically(path, b"half", "not bytes")  # type: ignore[arg-type]  # the point

    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]


@pytest.mark.parametrize("position", [0, 30, 84, 200, -1])
def test_one_flipped_bit_anywhere_is_noticed(position: int, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    checkpoint.write(path, CONTENTS)
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)

    with pytest.raises(CheckpointUnusable, match=r"c\.pt is damaged"):
        checkpoint.read(path)


@pytest.mark.parametrize("length", [0, 10, 85, 500])
def test_a_file_cut_short_is_refused(length: int, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    checkpoint.write(path, CONTENTS)
    path.write_bytes(path.read_bytes()[:length])

    with pytest.raises(CheckpointUnusable):
        checkpoint.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnusable, match=r"cannot read .*gone\.pt"):
        checkpoint.read(tmp_path / "gone.pt")


def test_pickled_code_is_not_run(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "c.pt", {"path": tmp_path})  # a class that torch does not allow

    with pytest.raises(CheckpointUnusable, match="cannot be read"):
        checkpoint.read(tmp_path / "c.pt")
