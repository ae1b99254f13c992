"""An attempt's trainer: started for it, or one that waited for a job with everything loaded.

Both run one attempt, behind a guard of their own and in a directory of their own. No job is known
to a warm one before its attempt, and it has opened no GPU.
"""

import json
import math
import os
import secrets
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol, Self

import structlog

from jobs.settings import Settings
from worker import staging
from worker.stuck import Stuck
from worker.trainer_process import (
    ANY_DEVICE,
    STANDBY,
    Devices,
    TrainerProcess,
    WorkDir,
    arguments_of,
    limits_of,
)

log = structlog.get_logger(__name__)

NAME_BYTES = 6
HEARS_SECONDS = 2.0  # a keeper answers in a thousandth of that, and holds up no heartbeat


class Trainer(Protocol):
    """A context: at its end the directory is removed, with what still runs there."""

    work: WorkDir

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    def begin(
        self, settings: Settings, devices: Devices, resume: Path | None, *, alive_until: float
    ) -> TrainerProcess:
        """Train what lies in the directory. The caller closes the process."""
        ...


class ColdTrainer:
    """Is started when it shall train."""

    def __init__(self, settings: Settings, program: tuple[str, ...], name: str) -> None:
        self._program = program
        self._held = ExitStack()
        self.work = self._held.enter_context(staging.work_directory(settings.work_dir, name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def begin(
        self, settings: Settings, devices: Devices, resume: Path | None, *, alive_until: float
    ) -> TrainerProcess:
        return TrainerProcess(
            self.work,
            limits_of(self.work, settings, devices),
            (*self._program, *arguments_of(self.work, settings, devices, resume)),
            environment=devices.environment(),
            alive_until=alive_until,
        )


class WarmTrainer:
    """Runs already, and is told what to train."""

    def __init__(
        self, settings: Settings, stuck: Stuck, program: tuple[str, ...] = STANDBY
    ) -> None:
        self._stuck = stuck
        self._has_begun = False
        name = f"warm-{secrets.token_hex(NAME_BYTES)}"
        with ExitStack() as held:
            self.work = held.enter_context(staging.work_directory(settings.work_dir, name))
            self._limits = limits_of(self.work, settings, ANY_DEVICE)
            orders, self._orders = os.pipe()
            held.callback(os.close, self._orders)
            try:
                self._process = TrainerProcess(
                    self.work,
                    self._limits,
                    (*program, "--orders-fd", str(orders)),
                    environment={},
                    alive_until=math.inf,  # as long as its worker
                    orders=orders,
                )
            finally:
                os.close(orders)
            held.callback(self._end)
            self._held = held.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def is_fit_for(self, settings: Settings, devices: Devices) -> bool:
        """It has the limits of a job on these devices, which do not take a process each."""
        return not devices.are_many and limits_of(self.work, settings, devices) == self._limits

    @property
    def is_alive(self) -> bool:
        """Whether it may be told a job; what is left of one whose guard was killed may not."""
        return self._process.is_guarded

    def begin(
        self, settings: Settings, devices: Devices, resume: Path | None, *, alive_until: float
    ) -> TrainerProcess:
        self._has_begun = True
        self._process.keep_alive(alive_until)  # from now on as long as the lease
        if not self._process.has_heard(alive_until, within_s=HEARS_SECONDS):
            # Nobody would end it with the lease: it is told no job, and its exit code tells.
            log.warning("warm_trainer_is_deaf", directory=self.work.path.name)
            self._process.destroy()
            return self._process
        arguments = ["train", *arguments_of(self.work, settings, devices, resume)]
        order = {"arguments": arguments, "environment": devices.environment()}
        with suppress(BrokenPipeError):  # it has died; its exit code tells
            os.write(self._orders, f"{json.dumps(order)}\n".encode())
        return self._process

    def _end(self) -> None:
        if not self._has_begun:
            self._process.close()
            self._stuck.add(self.work.path.name, self._process.remarks.stuck)


class WarmTrainers:
    """The warm trainers of a worker, for its free slots."""

    def __init__(
        self, settings: Settings, stuck: Stuck, program: tuple[str, ...] = STANDBY
    ) -> None:
        self._settings = settings
        self._program = program
        self._stuck = stuck
        self._lock = threading.Lock()
        self._waiting: list[WarmTrainer] = []

    def keep(self, count: int) -> None:
        """Have so many. One that cannot be started is missed by no job: it starts its own."""
        with self._lock:
            self._drop_dead()
            self._drop_beyond(count)
            try:
                while len(self._waiting) < count:
                    self._waiting.append(WarmTrainer(self._settings, self._stuck, self._program))
            except OSError as error:
                log.warning("no_warm_trainer", reason=str(error))

    def leave_room(self, devices: Devices, *, free: int) -> None:
        """Have no more than free slots, if such a job has been claimed and can have none."""
        with self._lock:
            if not any(trainer.is_fit_for(self._settings, devices) for trainer in self._waiting):
                self._drop_beyond(free)

    def take(self, devices: Devices) -> WarmTrainer | None:
        """One that such a job can have; None if there is none."""
        with self._lock:
            self._drop_dead()
            for trainer in self._waiting:
                if trainer.is_fit_for(self._settings, devices):
                    self._waiting.remove(trainer)
                    return trainer
        return None

    def _drop_beyond(self, count: int) -> None:
        while len(self._waiting) > count:
            self._waiting.pop().__exit__()

    def _drop_dead(self) -> None:
        for trainer in [trainer for trainer in self._waiting if not trainer.is_alive]:
            log.warning("warm_trainer_died", directory=trainer.work.path.name)
            self._waiting.remove(trainer)
            trainer.__exit__()
