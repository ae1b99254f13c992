"""The training run: epochs of steps, each evaluated, interruptible and resumable at every step."""

import math
import time
from dataclasses import dataclass

from netaug_core.data.batches import Feed
from netaug_core.data.dataset import Dataset
from netaug_core.errors import NonFiniteLoss
from netaug_core.events import Metrics, Progress
from netaug_core.spec import JobSpec
from netaug_core.training.calibration import calibrate
from netaug_core.training.control import Control, LeaveRequested, Wish
from netaug_core.training.evaluate import Scores, predict, score
from netaug_core.training.learner import TERMS, Learner
from netaug_core.training.optim import learning_rate, set_learning_rate
from netaug_core.training.reporting import Reporter
from netaug_core.training.snapshots import Snapshots
from netaug_core.training.state import Best, EpochRow, RunState

PROGRESS_SECONDS = 0.5
METRICS_SECONDS = 1.0
LOSS_NAMES = dict(zip(TERMS, ("train_loss", "train_loss_augmented"), strict=True))


@dataclass(frozen=True)
class Outside:
    """What connects a run to whoever started it."""

    control: Control
    reporter: Reporter
    snapshots: Snapshots


class Trainer:
    """Owns the position in the run; the learner owns the weights."""

    def __init__(
        self,
        spec: JobSpec,
        dataset: Dataset,
        feed: Feed,
        learner: Learner,
        *,
        state: RunState,
        outside: Outside,
    ) -> None:
        self.spec = spec
        self.dataset = dataset
        self.feed = feed
        self.learner = learner
        self.state = state
        self.control = outside.control
        self.reporter = outside.reporter
        self.snapshots = outside.snapshots
        # A batch larger than the dataset would never be complete.
        self.batch_size = min(spec.data.batch_size, len(dataset.train))
        self.steps_per_epoch = len(dataset.train) // self.batch_size
        self.total_steps = self.steps_per_epoch * spec.training.epochs
        self._first_step = self.step
        self._started = self._ticked = self._progressed = self._measured = time.monotonic()

    @property
    def step(self) -> int:
        """Optimizer steps done, over all attempts."""
        return self.state.epoch * self.steps_per_epoch + self.state.step_in_epoch

    @property
    def is_complete(self) -> bool:
        return self.state.stopped_early or self.state.epoch >= self.spec.training.epochs

    def run(self) -> Best:
        """Train to the end, or until a wish to stop; the best network on the validation part.

        Raises:
            LeaveRequested: the run shall leave; a checkpoint was written.
            NonFiniteLoss: training diverged.
        """
        try:
            while not self.is_complete:
                self._train_epoch()
                if not self.state.stopped_early:
                    self._finish_epoch()
        except LeaveRequested:
            self.write_checkpoint()
            raise
        assert self.state.best is not None  # noqa: S101  # every way out has evaluated
        return self.state.best

    def write_checkpoint(self) -> None:
        self.state.losses.settle(self.step)
        self._tick()
        self.snapshots.write(self.learner, self.state, self.step)

    def _train_epoch(self) -> None:
        state = self.state
        if state.step_in_epoch == 0:
            self.learner.start_epoch(state.epoch)
        batches = self.feed.training(
            self.dataset.train, state.epoch, self.batch_size, state.step_in_epoch
        )
        for batch in batches:
            if self._obey():
                return
            rate = learning_rate(self.step, self.steps_per_epoch, self.spec.training)
            set_learning_rate(self.learner.optimizer, rate)
            losses = self.learner.step(batch.images, batch.labels, state.epoch)
            state.step_in_epoch += 1
            state.losses.add(losses, self.step)
            self._report_step(rate)
            # The last step's checkpoint comes after its evaluation.
            if state.step_in_epoch < self.steps_per_epoch and self.snapshots.is_due():
                self.write_checkpoint()

    def _obey(self) -> bool:
        """True if the run shall finish now, with the best network so far."""
        wish = self.control.wish()
        if wish is Wish.LEAVE:
            raise LeaveRequested
        if wish is not Wish.STOP:
            return False
        self.state.losses.settle(self.step)
        if self.state.best is None:
            self._evaluate()
        self.state.stopped_early = True
        self.write_checkpoint()
        return True

    def _finish_epoch(self) -> None:
        state = self.state
        state.losses.settle(self.step)
        scores = self._evaluate()
        self._tick()
        num_images = self.steps_per_epoch * self.batch_size
        values = dict(zip(LOSS_NAMES.values(), state.losses.means(), strict=False))
        values |= {
            "validation_loss": scores.loss,
            "validation_accuracy": scores.accuracy,
            "learning_rate": self._last_rate(),
            "images_per_second": num_images / max(state.epoch_seconds, 1e-9),
            "epoch_seconds": state.epoch_seconds,
        }
        epoch, step = state.epoch + 1, self.step
        state.history.append(EpochRow(epoch, step, values))
        state.begin_next_epoch()
        self.reporter.emit(Metrics(step=step, epoch=epoch, epoch_end=True, values=values))
        if self.is_complete or self.snapshots.is_due():
            self.write_checkpoint()

    def _evaluate(self) -> Scores:
        """Score the tiny net as it would be deployed now; keep it if it is the best so far."""
        network = self.learner.deployable()
        augment = self.spec.augment
        if augment is not None:
            batches = self.feed.calibration(self.dataset.train, augment.calibration_images)
            calibrate(network, batches, self.control.leave_if_asked)
        logits = predict(network, self.dataset.validation, self.feed, self.control.leave_if_asked)
        scores = score(logits, self.dataset.validation)
        if not math.isfinite(scores.loss):
            raise NonFiniteLoss(
                f"training.learning_rate: the validation loss became {scores.loss} after step "
                f"{self.step}; lower the learning rate or lengthen the warm-up"
            )
        weights = {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}
        candidate = Best(self.state.epoch + 1, scores.accuracy, scores.loss, weights)
        if candidate.beats(self.state.best):
            self.state.best = candidate
        return scores

    def _report_step(self, rate: float) -> None:
        now = time.monotonic()
        if now - self._progressed < PROGRESS_SECONDS:
            return
        self._progressed = now
        self.state.losses.settle(self.step)
        latest = self.state.losses.latest
        self.reporter.emit(self._progress(now - self._started, latest[0]))
        # An epoch's last step is told by the metrics of the whole epoch.
        is_last = self.state.step_in_epoch == self.steps_per_epoch
        if now - self._measured >= METRICS_SECONDS and not is_last:
            self._measured = now
            values = dict(zip(LOSS_NAMES.values(), latest, strict=False))
            values["learning_rate"] = rate
            epoch = self.state.epoch + 1
            self.reporter.emit(Metrics(step=self.step, epoch=epoch, epoch_end=False, values=values))

    def _progress(self, elapsed_seconds: float, loss: float) -> Progress:
        done = self.step - self._first_step
        best = self.state.best
        return Progress(
            step=self.step,
            total_steps=self.total_steps,
            epoch=self.state.epoch + 1,
            total_epochs=self.spec.training.epochs,
            loss=loss,
            accuracy=None if best is None else best.accuracy,
            images_per_second=done * self.batch_size / elapsed_seconds,
            eta_seconds=(self.total_steps - self.step) * elapsed_seconds / done,
        )

    def _last_rate(self) -> float:
        return float(self.learner.optimizer.param_groups[0]["lr"])

    def _tick(self) -> None:
        """Add the time since the last tick to the epoch and the run."""
        now = time.monotonic()
        self.state.epoch_seconds += now - self._ticked
        self.state.train_seconds += now - self._ticked
        self._ticked = now
