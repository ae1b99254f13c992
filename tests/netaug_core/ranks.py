"""Processes that train together: they wait for functions, and call them all at once."""

import multiprocessing
import os
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from netaug_core.rendezvous import Rendezvous
from netaug_core.training.devices import Group, together

Work = Callable[..., Any]  # its first argument is the group


class Ranks:
    """Real processes, each with a place in one group of gloo."""

    def __init__(self, count: int, directory: Path) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._pipes: list[Connection[Any, Any]] = []
        self._processes = []
        for rank in range(count):
            ours, theirs = spawning.Pipe()
            place = Rendezvous(f"file://{directory}/store", rank, count, rank)
            process = spawning.Process(target=_serve, args=(place, theirs), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def run(self, work: Work, *arguments: Any) -> list[Any]:
        """What `work(group, *arguments)` returns in each process."""
        for pipe in self._pipes:
            pipe.send((work, arguments))
        answers = [pipe.recv() for pipe in self._pipes]
        for answer in answers:
            if isinstance(answer, _Raised):
                raise AssertionError(answer.text)
        return answers

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join()


class _Raised:
    def __init__(self, text: str) -> None:
        self.text = text


def _serve(place: Rendezvous, pipe: "Connection[Any, Any]") -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    with together(place, torch.device("cpu")) as group:
        while (message := pipe.recv()) is not None:
            pipe.send(_call(group, *message))


def _call(group: Group, work: Work, arguments: tuple[Any, ...]) -> Any:
    try:
        return work(group, *arguments)
    except Exception:  # noqa: BLE001  # the test fails with it
        return _Raised(traceback.format_exc())
