"""What a run ran on: device, threads, versions. It goes into its events and its model card."""

import platform
from importlib import metadata

import torch

VERSIONED = ("torch", "numpy", "onnx", "onnxruntime", "safetensors")


def environment(device: torch.device, num_devices: int) -> dict[str, str | int | float | None]:
    versions = {f"{name}_version": metadata.version(name) for name in VERSIONED}
    is_gpu = device.type == "cuda"
    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if is_gpu else platform.machine(),
        "num_devices": num_devices,
        "threads": torch.get_num_threads(),
        "python_version": platform.python_version(),
        "platform": platform.platform(),
        **versions,
    }
