"""Outside, a run with a control is one run of twice the steps."""

from netaug_core.events import Metrics, Progress
from netaug_core.spec import JobSpec
from netaug_core.training.stages import StageReporter, control_of
from tests.netaug_core.runs import Recorder, tiny_document

PROGRESS = Progress(step=4, total_steps=10, epoch=1, total_epochs=2, eta_seconds=6.0)


def test_the_first_stage_has_half_of_the_steps_still_to_come() -> None:
    recorder = Recorder()

    StageReporter(recorder, 2).emit(PROGRESS)

    (event,) = recorder.events
    assert isinstance(event, Progress)
    assert (event.step, event.total_steps, event.total_epochs) == (4, 20, 4)
    # Six steps in six seconds; ten more follow at this rate.
    assert event.eta_seconds == 16.0


def test_the_control_goes_on_counting_and_names_its_metrics() -> None:
    recorder = Recorder()
    reporter = StageReporter(recorder, 2, steps_before=10, epochs_before=2, prefix="control/")

    reporter.emit(PROGRESS)
    reporter.emit(Metrics(step=5, epoch=1, epoch_end=True, values={"train_loss": 1.0}))

    progress, metrics = recorder.events
    assert isinstance(progress, Progress)
    assert isinstance(metrics, Metrics)
    assert (progress.step, progress.total_steps, progress.eta_seconds) == (14, 20, 6.0)
    assert (metrics.step, metrics.epoch, metrics.values) == (15, 3, {"control/train_loss": 1.0})


def test_the_control_differs_in_augmentation_alone() -> None:
    spec = JobSpec.model_validate(tiny_document() | {"control": True})

    document = control_of(spec).model_dump()

    assert document == spec.model_dump() | {"augment": None, "control": False}
