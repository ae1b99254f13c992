"""Events as lines for a supervisor and as sentences for a person."""

import io
import os

from netaug_core.errors import FailureClass
from netaug_core.events import (
    ArtifactWritten,
    CheckpointWritten,
    DatasetFacts,
    Failed,
    Finished,
    Left,
    Metrics,
    Progress,
    RunEvent,
    Started,
    parse_line,
)
from netaug_core.training.reporting import Console, EventStream

DIGEST = "0" * 64
DATASET = DatasetFacts(
    name="d", digest=DIGEST, num_classes=2, num_train=3, num_validation=1, num_test=1
)
EVENTS: list[RunEvent] = [
    Started(
        from_step=0,
        total_steps=9,
        total_epochs=3,
        dataset=DATASET,
        environment={"device": "cpu", "threads": 1},
    ),
    Progress(step=1, total_steps=9, epoch=1, total_epochs=3),
    Metrics(step=2, epoch=1, epoch_end=False, values={"train_loss": 0.5}),
    Metrics(step=3, epoch=1, epoch_end=True, values={"train_loss": 0.51234567}),
    CheckpointWritten(name="checkpoint-3.pt", step=3, epoch=1, size_bytes=10, sha256=DIGEST),
    ArtifactWritten(
        name="model.onnx",
        kind="model",
        media_type="a/b",
        description="d",
        size_bytes=1,
        sha256=DIGEST,
    ),
    Left(step=3),
    Failed(failure=FailureClass.BAD_DATA, message="why"),
    Finished(step=9, result={"test_accuracy": 0.75, "stopped_early": False}),
]


def test_each_event_is_one_line_that_the_supervisor_can_read() -> None:
    reading, writing = os.pipe()
    stream = EventStream(writing)
    for event in EVENTS:
        stream.emit(event)
    os.close(writing)

    with os.fdopen(reading, "rb") as pipe:
        assert [parse_line(line) for line in pipe] == EVENTS


def test_a_person_sees_epochs_and_results_but_not_every_step() -> None:
    text = io.StringIO()
    console = Console(text)

    for event in EVENTS:
        console.emit(event)

    lines = text.getvalue().splitlines()
    assert len(lines) == len(EVENTS) - 2  # neither Progress nor the metrics of a step
    assert "epoch 1: train_loss 0.5123" in lines
    assert "failed (bad_data): why" in lines
    assert lines[-1] == "finished: test_accuracy 0.75, stopped_early False"
