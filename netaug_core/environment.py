"""What a run ran on: device, threads, versions. It goes into its events and its model card."""

import hashlib
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

VERSIONED = (
    *("torch", "torchvision", "numpy", "pillow", "simplejpeg"),
    *("onnx", "onnxruntime", "safetensors"),
)
CODE_CHARACTERS = 16


def environment(device: torch.device, num_devices: int) -> dict[str, str | int | float | None]:
    versions = {f"{name}_version": _version(name) for name in ("netaug", *VERSIONED)}
    is_gpu = device.type == "cuda"
    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if is_gpu else platform.machine(),
        "num_devices": num_devices,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),  # its kernels are chosen by it
        "code": code_digest(),
        "python_version": platform.python_version(),
        "libc": " ".join(platform.libc_ver()),
        "platform": platform.platform(),
        **versions,
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # this package runs from its sources, too
        return None


@cache
def code_digest() -> str:
    """The start of a SHA-256 over the sources of this package: what trained, to the letter."""
    root = Path(__file__).parent
    whole = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        source = path.read_bytes()
        whole.update(f"{path.relative_to(root).as_posix()} {len(source)}\n".encode())
        whole.update(source)
    return whole.hexdigest()[:CODE_CHARACTERS]
