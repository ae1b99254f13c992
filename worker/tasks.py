"""What a worker does when a doorbell rings: claim jobs and run them, until none is left."""

import os
import signal
import threading
from dataclasses import replace
from functools import cache
from typing import Any

import structlog
from celery import signals
from kombu.exceptions import KombuError, OperationalError

from jobs import db
from jobs.settings import settings
from jobs.storage import Storage
from netaug_core.cores import usable_cores
from worker import staging, supervisor
from worker.app import DOORBELL, app
from worker.claims import Claims, Taken
from worker.devices import Gpu, gpus
from worker.draining import Draining
from worker.presence import Presence
from worker.slots import Share, Slots, threads_of
from worker.stuck import Stuck
from worker.supervisor import Platform
from worker.trainer_process import Devices
from worker.trainers import WarmTrainers

log = structlog.get_logger(__name__)

POOL_SIZE = 4  # of one slot: the attempt, the presence, and room; each further slot adds one
_keeping = threading.Lock()  # what is free, and what waits for it, are looked at together


@cache
def devices() -> tuple[Gpu, ...]:
    """The GPUs of this worker; none where its trainers are told to use the CPU."""
    return () if settings().device == "cpu" else tuple(gpus())


@cache
def slots() -> Slots:
    """What of this worker is free."""
    configured = settings()
    return Slots(
        [gpu.id for gpu in devices()],
        per_gpu=configured.slots_per_gpu,
        without_gpus=configured.slots,
    )


@cache
def platform() -> Platform:
    """This process's connections."""
    configured = settings()
    engine = db.create_engine(
        configured.database_url.get_secret_value(),
        pool_size=POOL_SIZE + slots().total - 1,
        answer_timeout_s=configured.database_answer_seconds,
    )
    stuck = Stuck()
    warm = WarmTrainers(configured, stuck) if configured.warm_trainers else None
    return Platform(
        engine, Storage.open(configured), configured, Draining(), warm=warm, stuck=stuck
    )


@cache
def presence() -> Presence:
    names = [gpu.name for gpu in devices()]
    return Presence(platform(), slots(), names, _ring, _keep_warm_beside)


@cache
def claims() -> Claims:
    return Claims(platform(), presence(), slots())


@app.task(name=DOORBELL)
def doorbell() -> None:
    """Claim and run jobs until no queued one fits this worker. One call for each running job."""
    while not platform().draining.is_set():
        if stuck := platform().stuck.alive():
            # They may hold a GPU; the dispatcher rings again as long as a job is queued.
            log.warning("claims_nothing", stuck=stuck)
            return
        taken = claims().take()
        if taken is None:
            return
        try:
            if slots().free:
                # Whoever hears it looks for the next job. A broker that is away delays nothing.
                threading.Thread(target=_ring, daemon=True).start()
            _leave_room(taken)
            supervisor.run(taken.claim, _part(taken.share), claimed_at=taken.claimed_at)
        finally:
            slots().give_back(taken.share)
            _keep_warm()


def _part(share: Share) -> Platform:
    """The platform as one attempt sees it: its GPUs, its part of the cores."""
    whole = platform()
    threads = whole.settings.trainer_threads or threads_of(
        share, cores=usable_cores(), total=slots().total
    )
    own = whole.settings.model_copy(update={"trainer_threads": threads})
    return replace(whole, settings=own, visible_devices=share.visible)


def _keep_warm() -> None:
    """A warm trainer for each slot in which a job may start."""
    whole = platform()
    if whole.warm is not None:
        with _keeping:
            starts_none = whole.draining.is_set() or presence().is_held_back
            whole.warm.keep(0 if starts_none else slots().free)


def _keep_warm_beside() -> None:
    """Whoever reports does not wait for trainers that end."""
    threading.Thread(target=_keep_warm, name="warmth", daemon=True).start()


def _leave_room(taken: Taken) -> None:
    """A job that starts a trainer of its own takes the slot of one that waits."""
    whole = platform()
    if whole.warm is not None:
        devices = Devices(taken.claim.job.gpus, taken.share.visible)
        whole.warm.leave_room(devices, free=slots().free)


def _ring() -> None:
    try:
        doorbell.delay()
    except (OperationalError, KombuError, OSError) as error:
        # The dispatcher rings as long as a job waits and a slot is free.
        log.warning("not_rung", reason=type(error).__name__)


def _leave_quickly(_signal: int, _frame: object) -> None:
    """SIGQUIT. Celery's own cold shutdown cannot end the jobs of a pool of threads."""
    platform().draining.hurry()
    os.kill(os.getpid(), signal.SIGTERM)


@signals.worker_ready.connect
def _on_ready(**_: Any) -> None:
    claims()  # made, with all it needs, before any thread asks: two would make one each
    signal.signal(signal.SIGQUIT, _leave_quickly)
    removed = staging.sweep(settings().work_dir)
    _keep_warm()
    presence().start()
    log.info(
        "worker_ready",
        worker=presence().name,
        gpus=len(devices()),
        slots=slots().total,
        swept=removed,
    )
    _ring()  # jobs may be waiting already


@signals.worker_shutting_down.connect
def _on_shutdown(**_: Any) -> None:
    platform().draining.shut_down()
    log.info("worker_draining", worker=presence().name)


@signals.worker_shutdown.connect
def _on_stopped(**_: Any) -> None:
    _keep_warm()
    presence().leave()
