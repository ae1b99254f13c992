"""The training run: epochs of steps, each evaluated, interruptible and resumable at every step."""

import math
import time
from dataclasses import dataclass, replace

from netaug_core.errors import NonFiniteLoss
from netaug_core.events import Metrics, Progress
from netaug_core.spec import JobSpec
from netaug_core.training.calibration import calibrate
from netaug_core.training.control import Control, LeaveRequested, Wish
from netaug_core.training.devices import ONE, Group, in_rounds
from netaug_core.training.learner import TERMS, Learner
from netaug_core.training.optim import learning_rate, set_learning_rate
from netaug_core.training.reporting import Reporter
from netaug_core.training.snapshots import Snapshots
from netaug_core.training.state import Best, EpochRow, RunState
from netaug_core.training.task import Feed, Scores, Task
from netaug_core.training.turn import Turn

PROGRESS_SECONDS = 0.5
METRICS_SECONDS = 1.0
LOSS_NAMES = dict(zip(TERMS, ("train_loss", "train_loss_augmented"), strict=True))


@dataclass(frozen=True)
class Outside:
    """What connects a run to whoever started it."""

    control: Control
    reporter: Reporter
    snapshots: Snapshots
    group: Group = ONE

    def leave_if_asked(self) -> None:
        """On all devices at once.

        Raises:
            LeaveRequested: the run shall leave.
        """
        self.group.leave_if_asked(self.control)

    def reporting_to(self, reporter: Reporter) -> "Outside":
        return replace(self, reporter=reporter)


class Trainer:
    """Owns the position in the run; the learner owns the weights."""

    def __init__(
        self,
        spec: JobSpec,
        task: Task,
        feed: Feed,
        learner: Learner,
        *,
        state: RunState,
        outside: Outside,
    ) -> None:
        self.spec = spec
        self.task = task
        self.dataset = dataset = task.dataset
        self.feed = feed
        self.learner = learner
        self.state = state
        self.control = outside.control
        self.reporter = outside.reporter
        self.snapshots = outside.snapshots
        self.outside = outside
        self.group = outside.group
        # A batch larger than the dataset would never be complete.
        largest = len(dataset.train) // self.group.rank.count * self.group.rank.count
        self.batch_size = min(spec.data.batch_size, largest)
        self.steps_per_epoch = len(dataset.train) // self.batch_size
        self.total_steps = self.steps_per_epoch * spec.training.epochs
        self._first_step = self.step
        self._started = self._ticked = self._measured = time.monotonic()
        self._progressed = -math.inf  # the first step is told at once

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
        self._tick(stepping=self.state.step_in_epoch > 0)
        if self.group.is_first:
            self.snapshots.write(self.learner, self.state, self.step)
        self.group.wait()

    def _train_epoch(self) -> None:
        state = self.state
        if state.step_in_epoch == 0:
            self.learner.start_epoch(state.epoch)
        batches = self.feed.training(
            self.dataset.train, state.epoch, self.batch_size, state.step_in_epoch
        )
        for batch in batches:
            turn = self._turn()
            if self._obey(turn.wish):
                return
            rate = learning_rate(self.step, self.steps_per_epoch, self.spec.training)
            set_learning_rate(self.learner.optimizer, rate)
            losses = self.learner.step(batch.images, batch.targets, state.epoch, self.step)
            state.step_in_epoch += 1
            state.losses.add(losses, self.step)
            if turn.report:
                self._report_step(rate)
            # The last step's checkpoint comes after its evaluation.
            if turn.write_checkpoint and state.step_in_epoch < self.steps_per_epoch:
                self.write_checkpoint()

    def _turn(self) -> Turn:
        is_time = time.monotonic() - self._progressed >= PROGRESS_SECONDS
        return Turn(self.control.wish(), self.snapshots.is_due(), is_time).agreed(self.group)

    def _obey(self, wish: Wish | None) -> bool:
        """True if the run shall finish now, with the best network so far."""
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
        self._tick(stepping=True)
        scores = self._evaluate()
        self._tick()
        num_images = self.steps_per_epoch * self.batch_size
        values = dict(zip(LOSS_NAMES.values(), state.losses.means(), strict=False))
        values |= {
            **{f"validation_{name}": value for name, value in scores.values().items()},
            "learning_rate": self._last_rate(),
            "images_per_second": num_images / max(state.epoch_seconds, 1e-9),
            "epoch_seconds": state.epoch_seconds,
        }
        epoch, step = state.epoch + 1, self.step
        state.history.append(EpochRow(epoch, step, values))
        state.begin_next_epoch()
        self.reporter.emit(Metrics(step=step, epoch=epoch, epoch_end=True, values=values))
        if self.is_complete or self._turn().write_checkpoint:
            self.write_checkpoint()

    def _evaluate(self) -> Scores:
        """Score the tiny net as it would be deployed now; keep it if it is the best so far."""
        network = self.learner.deployable()
        augment = self.spec.augment
        if augment is not None:
            train, count = self.dataset.train, augment.calibration_images
            batches = self.feed.calibration(train, count)
            rounds = in_rounds(
                batches, min(count, len(train)), self.group, self.feed.evaluation_batch
            )
            calibrate(network, rounds, self.outside.leave_if_asked, self.group)
        validation = self.dataset.validation
        answers = self.task.answer(
            network, validation, self.feed, self.outside.leave_if_asked, self.group
        )
        scores = self.task.score(answers, validation)
        if not math.isfinite(scores.loss):
            raise NonFiniteLoss(
                f"training.learning_rate: the validation loss became {scores.loss} after step "
                f"{self.step}; lower the learning rate or lengthen the warm-up"
            )
        weights = {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}
        candidate = Best(self.state.epoch + 1, scores.score, scores.loss, weights)
        if candidate.beats(self.state.best):
            self.state.best = candidate
        return scores

    def _report_step(self, rate: float) -> None:
        self._progressed = now = time.monotonic()
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
            score=None if best is None else best.score,
            score_name=self.task.score_name,
            images_per_second=done * self.batch_size / elapsed_seconds,
            eta_seconds=(self.total_steps - self.step) * elapsed_seconds / done,
        )

    def _last_rate(self) -> float:
        return float(self.learner.optimizer.param_groups[0]["lr"])

    def _tick(self, *, stepping: bool = False) -> None:
        """Add the time since the last tick to the epoch, the run, and the steps if theirs."""
        now = time.monotonic()
        passed = now - self._ticked
        self.state.epoch_seconds += passed
        self.state.train_seconds += passed
        if stepping:
            self.state.step_seconds += passed
        self._ticked = now
