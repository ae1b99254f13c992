"""Checkpoint files: written whole or not at all, refused unless they are what was written.

Layout: MAGIC, the SHA-256 of the payload in hexadecimal, a newline, the payload of torch.save.
"""

import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch

from netaug_core.errors import CheckpointUnusable

MAGIC = b"netaug-checkpoint-2\n"
DIGEST_HEX = 64
HEADER_BYTES = len(MAGIC) + DIGEST_HEX + 1


def write(path: Path, contents: dict[str, Any]) -> None:
    """Write tensors and plain values so that `path` is the old file or the whole new one."""
    buffer = io.BytesIO()
    torch.save(contents, buffer)
    payload = buffer.getbuffer()
    write_atomically(path, _header(payload), payload)


def _header(payload: memoryview) -> bytes:
    return MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n"


def write_atomically(path: Path, *pieces: bytes | memoryview) -> None:
    """Through a temporary file beside it, which reaches the disk before it takes the name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # the new name, too, must survive a power cut
    finally:
        os.close(directory)


def read(path: Path) -> dict[str, Any]:
    """The contents of a checkpoint, on the CPU.

    Raises:
        CheckpointUnusable: the file is missing, damaged, or no checkpoint.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointUnusable(f"--resume: cannot read {path}: {error}") from error
    payload = memoryview(data)[HEADER_BYTES:]
    if data[:HEADER_BYTES] != _header(payload):
        raise CheckpointUnusable(
            f"--resume: {path} is damaged or not a checkpoint; resume from another one"
        )
    try:
        contents: dict[str, Any] = torch.load(  # noqa: TID251  # the one place that may
            io.BytesIO(payload), map_location="cpu", weights_only=True
        )
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise CheckpointUnusable(f"--resume: {path} cannot be read: {error}") from error
    return contents
