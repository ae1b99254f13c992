"""A trainer that is ready before its job is known: everything is loaded, nothing has begun."""

import os
from dataclasses import dataclass

from pydantic import TypeAdapter


@dataclass(frozen=True)
class Order:
    """What a trainer would have been started with: its command line, and variables for it."""

    arguments: list[str]
    environment: dict[str, str]


_ADAPTER = TypeAdapter(Order)


def wait(descriptor: int) -> Order | None:
    """Load what training needs, then read the one order: a line of JSON.

    No GPU is touched before: which ones the process may see comes with the order.

    Returns:
        None: the pipe was closed, there will be no job.
    """
    _load()
    with os.fdopen(descriptor, "rb") as pipe:
        line = pipe.readline()
    if not line.endswith(b"\n"):
        return None
    order = _ADAPTER.validate_json(line)
    os.environ.update(order.environment)
    return order


def _load() -> None:
    """Import what a run imports, and let libraries set up what they do at their first use.

    Nothing here may go backward, or step: torch asks the CUDA driver for its devices then, and the
    driver keeps what CUDA_VISIBLE_DEVICES was at that moment, for good.
    """
    import torch

    from netaug_core import run  # noqa: F401  # it is for the job to come

    convolution = torch.nn.Conv2d(8, 8, 3, padding=1)
    torch.optim.SGD(convolution.parameters(), momentum=0.9)  # imports as much as torch did
    convolution(torch.zeros(2, 8, 16, 16))
