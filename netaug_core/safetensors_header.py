"""The header of a safetensors file, read without loading a tensor, and without torch.

Layout: 8 bytes of length, little-endian; a JSON object of that length; the tensors' bytes.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 8 << 20
PICKLE_STARTS = (b"PK\x03\x04", b"\x80")  # torch.save's archive; a bare pickle of protocol 2 to 5


class NotSafetensors(Exception):
    """The file is something else, or damaged. The message goes on after the file's name."""


class TensorEntry(BaseModel):
    """What the header says of one tensor."""

    model_config = ConfigDict(frozen=True, strict=True)

    dtype: str = Field(max_length=20)
    shape: tuple[int, ...] = Field(max_length=16)
    data_offsets: tuple[int, int]


@dataclass(frozen=True)
class Header:
    """The tensors by name, and the file's metadata."""

    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]


class _Document(BaseModel):
    """The JSON object: every key but one is a tensor."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, TensorEntry] = Field(init=False)

    metadata: dict[str, str] = Field(default_factory=dict, alias="__metadata__")


_DOCUMENT = TypeAdapter(_Document)


def read(path: Path) -> Header:
    """The header, checked against the file's size.

    Raises:
        NotSafetensors: the file is a pickle, damaged or cut short.
    """
    with path.open("rb") as file:
        start = file.read(LENGTH_BYTES)
        length = int.from_bytes(start, "little")
        size = os.fstat(file.fileno()).st_size
        if len(start) < LENGTH_BYTES or length > size - LENGTH_BYTES:
            # Only now: a length, too, may start with a pickle's byte. No pickle's start fits.
            _refuse_pickle(start)
            raise NotSafetensors("is no safetensors file, or was cut short")
        if length > MAX_HEADER_BYTES:
            raise NotSafetensors(
                f"has a header of {length:,} bytes; at most {MAX_HEADER_BYTES:,} are read"
            )
        text = file.read(length)
    header = _parse(text)
    ends = [tensor.data_offsets[1] for tensor in header.tensors.values()]
    if max(ends, default=0) != size - LENGTH_BYTES - length:
        raise NotSafetensors("was cut short, or has bytes that no tensor owns; copy it again")
    return header


def sort_metadata(path: Path) -> None:
    """Write the metadata in order: the library's order changes from process to process.

    So the same weights are the same file, whatever happened to the run. The header is padded with
    spaces to a multiple of 8.
    """
    content = path.read_bytes()
    end = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little")
    header = json.loads(content[LENGTH_BYTES:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)
    path.write_bytes(len(text).to_bytes(LENGTH_BYTES, "little") + text + content[end:])


def _refuse_pickle(start: bytes) -> None:
    if start.startswith(PICKLE_STARTS):
        raise NotSafetensors(
            "is a pickle (torch.save), which may run any program when it is opened; save the "
            "tensors with safetensors.torch.save_file and give that file"
        )


def _parse(text: bytes) -> Header:
    try:
        document = _DOCUMENT.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "JSON"
        raise NotSafetensors(f"has a damaged header ({place}: {first['msg']})"[:300]) from error
    return Header(document.__pydantic_extra__, document.metadata)
