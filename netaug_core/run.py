"""One run from spec to verified files. Everything it needs comes as an argument."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from netaug_core.environment import environment
from netaug_core.events import DatasetFacts, Finished, Started
from netaug_core.rendezvous import Rendezvous
from netaug_core.spec import JobSpec
from netaug_core.tasks.registry import open_task
from netaug_core.training import checkpoint, identity, stages
from netaug_core.training.control import Control, LeaveRequested
from netaug_core.training.determinism import choose_device, make_deterministic
from netaug_core.training.devices import Group, check, together
from netaug_core.training.preparation import Setting, Trained, prepare
from netaug_core.training.reporting import Reporter
from netaug_core.training.snapshots import Snapshots
from netaug_core.training.stages import StageReporter
from netaug_core.training.trainer import Outside, Trainer
from netaug_core.weights import find_inputs


@dataclass(frozen=True)
class RunOptions:
    """Where a run's files are and what it may use.

    Attributes:
        directory: receives checkpoints and the files for the user.
        data_roots: folders below which ImageFolder datasets are looked for.
        device: auto, cpu or cuda.
        num_threads: CPU threads; None leaves it to torch, a resume takes the checkpoint's.
        resume_from: a checkpoint file.
        num_loader_workers: processes that decode images ahead; 0 decodes in the trainer.
        image_cache_bytes: memory of this process for decoded pictures of a folder; 0 keeps none.
        inputs: holds the models of other jobs, as `<job id>.safetensors`.
        place: among the processes that train together; None trains alone.
    """

    directory: Path
    data_roots: Sequence[Path] = ()
    device: str = "auto"
    num_threads: int | None = None
    resume_from: Path | None = None
    num_loader_workers: int = 0
    image_cache_bytes: int = 0
    inputs: Path | None = None
    place: Rendezvous | None = None


def train(
    spec: JobSpec, options: RunOptions, control: Control, reporter: Reporter
) -> Finished | None:
    """Train, score, export and verify. The last event, `Finished`, is also returned.

    On several devices each process calls this; only the first one's returns it, as only that writes
    and reports.

    Raises:
        CoreError: see errors.py for what can go wrong.
        LeaveRequested: the run was asked to leave; what was trained is in a checkpoint.
    """
    options.directory.mkdir(parents=True, exist_ok=True)
    place = options.place
    device = choose_device(options.device, None if place is None else place.local_rank)
    with together(place, device) as group:
        check(spec, group)
        return _train(spec, options, _Surroundings(control, reporter, group, device))


@dataclass(frozen=True)
class _Surroundings:
    """What a run is connected to, and runs on."""

    control: Control
    reporter: Reporter
    group: Group
    device: torch.device


def _train(spec: JobSpec, options: RunOptions, around: _Surroundings) -> Finished | None:
    saved = None if options.resume_from is None else checkpoint.read(options.resume_from)
    threads = options.num_threads if saved is None else int(saved["num_threads"])
    make_deterministic(spec.training.seed, threads)
    try:
        around.group.leave_if_asked(around.control)
        task = open_task(spec, options.data_roots, image_cache_bytes=options.image_cache_bytes)
        around.group.leave_if_asked(around.control)
    except LeaveRequested as leave:
        raise LeaveRequested(0 if saved is None else saved["step"]) from leave
    inputs = find_inputs(
        spec.pretrained, spec.distillation, roots=options.data_roots, inputs=options.inputs
    )
    run_identity = identity.identity(spec, task.dataset, inputs)
    if saved is not None:
        identity.check(saved["identity"], run_identity, task.dataset)
    interval = spec.training.checkpoint_interval_seconds
    snapshots = Snapshots(options.directory, around.reporter, run_identity, interval)
    outside = Outside(around.control, around.reporter, snapshots, around.group)
    feed = task.feed(around.device, around.group.rank, options.num_loader_workers)
    setting = Setting(task, feed, inputs)
    return _train_stages(spec, setting, outside, saved, options)


def _train_stages(
    spec: JobSpec,
    setting: Setting,
    outside: Outside,
    saved: Mapping[str, Any] | None,
    options: RunOptions,
) -> Finished | None:
    """The training, the control's if the spec asks for one, and what follows from both."""
    in_control = saved is not None and saved["finished"] is not None
    count = stages.num_stages(spec)
    main = prepare(
        spec,
        setting,
        outside.reporting_to(StageReporter(outside.reporter, count)),
        _ended(saved) if in_control else saved,
    )
    outside.reporter.emit(_started(main, count, 0 if saved is None else int(saved["step"])))
    running, steps_before = main, 0
    try:
        trained, control = Trained(main, main.run()), None
        if spec.control and not main.state.stopped_early:
            steps_before = main.step
            running = _prepare_control(main, setting, outside, saved if in_control else None)
            control = Trained(running, running.run())
        from netaug_core.conclusion import Conclusion  # not before: it keeps a run from starting

        end = Conclusion(trained, control, setting, options.directory, options.data_roots)
        return end.report_to(outside.reporter)
    except LeaveRequested as leave:
        raise LeaveRequested(steps_before + running.step) from leave


def _prepare_control(
    main: Trainer, setting: Setting, outside: Outside, saved: Mapping[str, Any] | None
) -> Trainer:
    outside.snapshots.begin_control(main.state, main.step)
    part = StageReporter(
        outside.reporter, 2, main.step, main.state.epoch, prefix=stages.CONTROL_PREFIX
    )
    return prepare(stages.control_of(main.spec), setting, outside.reporting_to(part), saved)


def _ended(saved: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The main training of a checkpoint that was written during its control."""
    return None if saved is None else {"learner": None, "state": saved["finished"]}


def _started(trainer: Trainer, num_stages: int, from_step: int) -> Started:
    dataset = trainer.dataset
    return Started(
        from_step=from_step,
        total_steps=trainer.total_steps * num_stages,
        total_epochs=trainer.spec.training.epochs * num_stages,
        dataset=DatasetFacts(
            name=dataset.name,
            digest=dataset.digest,
            num_classes=len(dataset.class_names),
            num_train=len(dataset.train),
            num_validation=len(dataset.validation),
            num_test=len(dataset.test),
        ),
        environment=environment(trainer.feed.device, trainer.group.rank.count),
    )
