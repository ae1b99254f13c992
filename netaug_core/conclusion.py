"""The end of a run: score the best network on the test part, export it, have it verified."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from netaug_core import cost
from netaug_core.environment import environment
from netaug_core.events import Finished
from netaug_core.export.artifacts import Exporter
from netaug_core.export.exports import Exports
from netaug_core.export.exports import of as exports_of
from netaug_core.export.int8 import Quantiser
from netaug_core.export.integers import Integers
from netaug_core.export.model_card import CardFacts
from netaug_core.export.receipt import Receipt
from netaug_core.training.preparation import Setting, Trained
from netaug_core.training.reporting import Reporter
from netaug_core.training.stages import CONTROL_PREFIX
from netaug_core.training.state import EpochRow
from netaug_core.training.task import Answers, Feed

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Conclusion:
    """A trained network, the control's beside it if there is one, and where the files go."""

    main: Trained
    control: Trained | None
    setting: Setting
    directory: Path
    data_roots: Sequence[Path]

    def report_to(self, reporter: Reporter) -> Finished | None:
        """Make the files and tell of them; the last event is also returned.

        Several devices share the test part; only the first one makes files, and returns anything.

        Raises:
            ExportMismatch: a file does not compute what was trained.
            LeaveRequested: the run was asked to leave meanwhile.
        """
        answers = self._answer(self.main)
        control = None if self.control is None else self._answer(self.control)
        group = self.main.trainer.group
        with group.first_alone():
            if group.is_first:
                return self._write(answers, control, reporter)
        return None

    def _write(self, answers: Answers, control: Answers | None, reporter: Reporter) -> Finished:
        trainer, task = self.main.trainer, self.setting.task
        exports = exports_of(task)
        while_waiting = trainer.control.leave_if_asked
        network = task.rebuild(self.main.best.weights)
        exporter = Exporter(
            trainer.spec,
            task.dataset,
            exports,
            self.directory,
            self.data_roots,
            while_waiting,
            Integers(
                Quantiser(
                    cast("Any", task), self.setting.inputs, trainer.feed.device, while_waiting
                )
            ),
        )
        certificate = exporter.export_models(network, answers, self._feed())
        facts = CardFacts(
            spec=trainer.spec,
            dataset=task.dataset,
            cost=cost.measure(task.table, trainer.spec.model.input_size),
            environment=environment(trainer.feed.device, trainer.group.rank.count),
            lineage=self.setting.inputs.lineage(),
            best=self.main.best,
            scores=exports.scores(answers, self.main.best),
            epochs_run=trainer.state.epoch,
            stopped_early=trainer.state.stopped_early,
            receipt=self._receipt(exports, answers, control),
            certificate=certificate,
        )
        exporter.write_cards(facts, self._history())
        pictures = exports.write_pictures(self.directory, answers)
        for event in exporter.events(pictures):
            reporter.emit(event)
        result = self._result(facts, exports.result(answers, self.main.best))
        finished = Finished(step=self._steps(), result=result)
        reporter.emit(finished)
        return finished

    def _feed(self) -> Feed:
        # On the CPU whatever trained: a GPU's faster float32 would not agree with an exported file.
        return self.setting.feed.on(CPU)

    def _answer(self, trained: Trained) -> Answers:
        outside, task = trained.trainer.outside, self.setting.task
        network, test = task.rebuild(trained.best.weights), task.dataset.test
        return task.answer(network, test, self._feed(), outside.leave_if_asked, outside.group)

    def _receipt(
        self, exports: Exports, answers: Answers, control: Answers | None
    ) -> Receipt | None:
        """None without a control, or if that was stopped: it would compare unequal trainings."""
        if self.control is None or control is None:
            return None
        if self.control.trainer.state.stopped_early:
            return None
        states = self.main.trainer.state, self.control.trainer.state
        return exports.receipt(answers, control, states)

    def _history(self) -> list[EpochRow]:
        """Both trainings' epochs, one after the other."""
        rows = list(self.main.trainer.state.history)
        if self.control is not None:
            step, epoch = self.main.trainer.step, self.main.trainer.state.epoch
            for row in self.control.trainer.state.history:
                values = {CONTROL_PREFIX + name: value for name, value in row.values.items()}
                rows.append(EpochRow(row.epoch + epoch, row.step + step, values))
        return rows

    def _steps(self) -> int:
        control = 0 if self.control is None else self.control.trainer.step
        return self.main.trainer.step + control

    def _result(
        self, facts: CardFacts, scores: dict[str, float]
    ) -> dict[str, str | int | float | None]:
        state = self.main.trainer.state
        result: dict[str, str | int | float | None] = {
            **scores,
            "best_epoch": facts.best.epoch,
            "epochs_run": facts.epochs_run,
            "params": facts.cost.params,
            "macs": facts.cost.macs,
            "peak_activation_bytes": facts.cost.peak_activation_bytes,
            "train_seconds": round(state.train_seconds, 3),
            "step_seconds": round(state.step_seconds, 3),
            "stopped_early": facts.stopped_early,
        }
        if facts.certificate.integers is not None:
            result |= facts.certificate.integers.result()
        if facts.receipt is not None:
            result |= facts.receipt.result()
        return result
