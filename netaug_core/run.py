"""One training run from spec to verified files. Everything it needs comes as an argument."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from netaug_core import cost
from netaug_core.data.batches import Feed
from netaug_core.data.dataset import Dataset, open_dataset
from netaug_core.data.sources import MemoryImages
from netaug_core.data.transforms import TrainTransform
from netaug_core.events import DatasetFacts, Finished, Started
from netaug_core.models.network import Network, build
from netaug_core.spec import JobSpec
from netaug_core.training import checkpoint, identity
from netaug_core.training.control import Control, LeaveRequested
from netaug_core.training.determinism import choose_device, make_deterministic
from netaug_core.training.evaluate import predict, score
from netaug_core.training.learner import Learner
from netaug_core.training.reporting import Reporter
from netaug_core.training.snapshots import Snapshots, restore_random_states
from netaug_core.training.state import Best, RunState
from netaug_core.training.trainer import Outside, Trainer

if TYPE_CHECKING:
    from netaug_core.export.model_card import CardFacts

VERSIONED = ("torch", "numpy", "onnx", "onnxruntime", "safetensors")


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
    """

    directory: Path
    data_roots: Sequence[Path] = ()
    device: str = "auto"
    num_threads: int | None = None
    resume_from: Path | None = None
    num_loader_workers: int = 0


def train(spec: JobSpec, options: RunOptions, control: Control, reporter: Reporter) -> Finished:
    """Train, score, export and verify. The last event, `Finished`, is also returned.

    Raises:
        CoreError: see errors.py for what can go wrong.
        LeaveRequested: the run was asked to leave; what was trained is in a checkpoint.
    """
    options.directory.mkdir(parents=True, exist_ok=True)
    saved = None if options.resume_from is None else checkpoint.read(options.resume_from)
    device = choose_device(options.device)
    threads = options.num_threads if saved is None else int(saved["num_threads"])
    make_deterministic(spec.training.seed, threads)
    try:
        control.leave_if_asked()
        dataset = open_dataset(spec.data, options.data_roots)
        control.leave_if_asked()
    except LeaveRequested as leave:
        raise LeaveRequested(0 if saved is None else saved["step"]) from leave
    snapshots = Snapshots(
        options.directory,
        reporter,
        identity.identity(spec, dataset),
        spec.training.checkpoint_interval_seconds,
    )
    outside = Outside(control, reporter, snapshots)
    trainer = _prepare(spec, dataset, _feed(spec, dataset, options, device), outside, saved)
    reporter.emit(_started(trainer))
    try:
        return _finish(trainer, trainer.run(), options)
    except LeaveRequested as leave:
        raise LeaveRequested(trainer.step) from leave


def _feed(spec: JobSpec, dataset: Dataset, options: RunOptions, device: torch.device) -> Feed:
    transform = TrainTransform(spec.data, spec.model.input_size, spec.training.seed)
    # Pictures in memory are faster taken than sent from another process.
    in_memory = isinstance(dataset.train.source, MemoryImages)
    workers = 0 if in_memory else options.num_loader_workers
    return Feed(transform, dataset.normalisation, device, workers)


def _prepare(
    spec: JobSpec, dataset: Dataset, feed: Feed, outside: Outside, saved: dict[str, Any] | None
) -> Trainer:
    architecture = spec.model.architecture(
        num_classes=len(dataset.class_names), in_channels=dataset.in_channels
    )
    learner = Learner(spec, architecture, feed.device)
    state = RunState()
    if saved is not None:
        identity.check(saved["identity"], spec, dataset)
        learner.load_state_dict(saved["learner"])
        state = RunState.from_state_dict(saved["state"])
        restore_random_states(saved["random"])
    return Trainer(spec, dataset, feed, learner, state=state, outside=outside)


def _started(trainer: Trainer) -> Started:
    dataset = trainer.dataset
    return Started(
        from_step=trainer.step,
        total_steps=trainer.total_steps,
        total_epochs=trainer.spec.training.epochs,
        dataset=DatasetFacts(
            name=dataset.name,
            digest=dataset.digest,
            num_classes=len(dataset.class_names),
            num_train=len(dataset.train),
            num_validation=len(dataset.validation),
            num_test=len(dataset.test),
        ),
        environment=_environment(trainer.feed.device),
    )


def _environment(device: torch.device) -> dict[str, str | int | float | None]:
    versions = {f"{name}_version": metadata.version(name) for name in VERSIONED}
    is_gpu = device.type == "cuda"
    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if is_gpu else platform.machine(),
        "threads": torch.get_num_threads(),
        "python_version": platform.python_version(),
        "platform": platform.platform(),
        **versions,
    }


def _finish(trainer: Trainer, best: Best, options: RunOptions) -> Finished:
    """Score the best network on the test part, export it, have it verified, report it."""
    from netaug_core.export.artifacts import Exporter  # takes seconds, and only the end needs it
    from netaug_core.export.model_card import CardFacts

    spec, dataset, control = trainer.spec, trainer.dataset, trainer.control
    network = _deployed(trainer, best)
    # On the CPU whatever trained it: a GPU's faster float32 would not agree with an exported file.
    feed = _feed(spec, dataset, options, torch.device("cpu"))
    logits = predict(network, dataset.test, feed, control.leave_if_asked)
    exporter = Exporter(
        spec, dataset, options.directory, options.data_roots, control.leave_if_asked
    )
    certificate = exporter.export_models(network, logits, feed)
    facts = CardFacts(
        spec=spec,
        dataset=dataset,
        cost=cost.measure(network.architecture, spec.model.input_size),
        environment=_environment(trainer.feed.device),
        best=best,
        test=score(logits, dataset.test),
        epochs_run=trainer.state.epoch,
        stopped_early=trainer.state.stopped_early,
        certificate=certificate,
    )
    exporter.write_cards(facts, trainer.state.history)
    for event in exporter.events():
        trainer.reporter.emit(event)
    finished = Finished(step=trainer.step, result=_result(facts, trainer.state))
    trainer.reporter.emit(finished)
    return finished


def _deployed(trainer: Trainer, best: Best) -> Network:
    network = build(trainer.learner.architecture)
    network.load_state_dict(best.weights)
    return network.eval()


def _result(facts: "CardFacts", state: RunState) -> dict[str, str | int | float | None]:
    return {
        "test_accuracy": facts.test.accuracy,
        "test_loss": facts.test.loss,
        "validation_accuracy": facts.best.accuracy,
        "best_epoch": facts.best.epoch,
        "epochs_run": facts.epochs_run,
        "params": facts.cost.params,
        "macs": facts.cost.macs,
        "peak_activation_bytes": facts.cost.peak_activation_bytes,
        "train_seconds": round(state.train_seconds, 3),
        "stopped_early": facts.stopped_early,
    }
