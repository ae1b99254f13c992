"""A sound file is read whatever its header's length; a pickle is told apart."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from netaug_core import safetensors_header
from netaug_core.safetensors_header import NotSafetensors

PICKLE = 0x80  # the first byte of a bare pickle of protocol 2 to 5


def test_a_header_of_any_length_is_read_even_if_it_starts_as_a_pickle_does(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    starts = set()
    for padding in range(0, 256, 8):  # a header's length is a multiple of 8
        save_file({"w": torch.zeros(1)}, path, {"text": "x" * padding})
        assert safetensors_header.read(path).metadata["text"] == "x" * padding
        starts.add(path.read_bytes()[0])

    assert PICKLE in starts


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_bare_pickle_is_told(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps({"w": [1.0] * 1000}, protocol=protocol))

    with pytest.raises(NotSafetensors, match="is a pickle"):
        safetensors_header.read(path)


@pytest.mark.parametrize("archive", [True, False])
def test_a_file_of_torch_is_told(tmp_path: Path, archive: bool) -> None:
    path = tmp_path / "model.safetensors"
    torch.save({"w": torch.zeros(1000)}, path, _use_new_zipfile_serialization=archive)

    with pytest.raises(NotSafetensors, match="is a pickle"):
        safetensors_header.read(path)
