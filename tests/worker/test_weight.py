"""What the service's processes load: the trainer alone pays for torch."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "torchvision", "numpy", "sklearn", "onnx", "onnxruntime"}
LOADED = "import sys; {imports}; print(*sys.modules)"
SETTINGS = {
    "NETAUG_DATABASE_URL": "sqlite://",
    "NETAUG_STORAGE_URL": "file:///nowhere",
    "NETAUG_BROKER_URL": "redis://127.0.0.1:1/0",
}


def loaded(imports: str) -> set[str]:
    answer = subprocess.run(
        [sys.executable, "-c", LOADED.format(imports=imports)],
        env=SETTINGS,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(answer.stdout.split())


@pytest.mark.parametrize(
    "module", ["worker.dispatcher", "worker.supervisor", "worker.tasks", "worker.__main__"]
)
def test_neither_dispatcher_nor_supervisor_loads_torch(module: str) -> None:
    modules = loaded(f"import {module}")
    assert module in modules
    assert modules & HEAVY == set()


def test_the_check_would_see_it() -> None:
    assert "numpy" in loaded("import numpy")
