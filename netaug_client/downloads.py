"""Files from the server: checked while they arrive, and named only when they are whole."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from netaug_client.errors import DownloadDamaged
from netaug_client.models import Artifact


def save(blocks: Iterable[bytes], artifact: Artifact, directory: Path) -> Path:
    """Write a file into `directory` and check its size and SHA-256.

    Raises:
        DownloadDamaged: they are not what the manifest says; no file is left.
    """
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / safe_name(artifact.name)
    digest = hashlib.sha256()
    size = 0
    descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=".download-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            for block in blocks:
                file.write(block)
                digest.update(block)
                size += len(block)
        if (size, digest.hexdigest()) != (artifact.size_bytes, artifact.sha256):
            raise DownloadDamaged(
                f"{artifact.name}: {size} bytes of SHA-256 {digest.hexdigest()} arrived, the "
                f"manifest says {artifact.size_bytes} of {artifact.sha256}; try again"
            )
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return target


def safe_name(name: str) -> str:
    """The name itself, unless it would leave the directory.

    Raises:
        DownloadDamaged: a server that names such a file is not to be trusted.
    """
    if name != Path(name).name or name in {"", ".", ".."} or "\\" in name:
        raise DownloadDamaged(f"the server names a file {name!r}, which is no file name")
    return name
