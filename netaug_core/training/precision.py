"""The number format of the passes: float32, or a shorter one where it is safe (autocast)."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Precision:
    """Runs passes in a format; float16's small gradients are scaled up and back."""

    def __init__(
        self, name: Literal["float32", "bfloat16", "float16"], device: torch.device
    ) -> None:
        self._device_type = device.type
        self._format = FORMATS[name]
        self._scaler = torch.amp.GradScaler(device.type, enabled=name == "float16")

    def context(self) -> AbstractContextManager[None]:
        """Forward passes and losses belong inside."""
        is_short = self._format is not torch.float32
        return torch.autocast(self._device_type, dtype=self._format, enabled=is_short)

    def backward(self, loss: Tensor) -> None:
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch has no types

    def step(self, optimizer: Optimizer) -> None:
        """Update the weights; a float16 step whose gradient overflowed is left out."""
        self._scaler.step(optimizer)
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        return self._scaler.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(dict(state))
