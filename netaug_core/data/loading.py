"""Batches one after the other, made in this process or ahead of time by worker processes."""

import signal
from collections.abc import Iterable, Iterator
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from netaug_core.errors import BadData

T = TypeVar("T")


def in_order(batches: Dataset[T], num_workers: int, device: torch.device) -> Iterator[T]:
    """Batch 0, 1, ... of `batches`, whose items are whole batches.

    Args:
        batches: what is indexed; forked into each worker.
        num_workers: processes that work ahead; 0 works in this one.
        device: where the batches will go: a GPU takes them faster from pinned memory.

    Raises:
        BadData: as it was raised where a batch was made.
    """
    loader = DataLoader(
        batches,
        batch_size=None,
        num_workers=num_workers,
        worker_init_fn=_leave_signals_to_the_trainer,
        # One of its own: otherwise each loader would draw from the generator of dropout.
        generator=torch.Generator(),
        pin_memory=device.type == "cuda",
        # Forked, they share the memory of the image cache.
        multiprocessing_context="fork" if num_workers else None,
    )
    return _plain_errors(loader)


def _plain_errors(loader: Iterable[T]) -> Iterator[T]:
    """DataLoader puts a worker's whole traceback into the message: keep the sentence only."""
    try:
        yield from loader
    except BadData as error:
        sentence = str(error).strip().splitlines()[-1]
        raise BadData(sentence.removeprefix(f"{BadData.__module__}.BadData: ")) from error


def _leave_signals_to_the_trainer(worker: int) -> None:  # noqa: ARG001  # DataLoader's signature
    """A worker process must not take the trainer's handlers with it: it could not be stopped."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
