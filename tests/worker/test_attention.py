"""A worker's event loop turns when a task has ended."""

from types import SimpleNamespace

from celery import signals
from kombu.asynchronous import Hub

from worker.attention import LOOK_AFTER_S, Attention


def _consumer() -> SimpleNamespace:
    return SimpleNamespace(hub=Hub())


def test_the_end_of_a_task_turns_the_loop() -> None:
    consumer = _consumer()
    step = Attention(consumer)
    step.start(consumer)

    signals.task_postrun.send(sender=None)
    next(consumer.hub.create_loop())

    assert len(consumer.hub.timer.queue) == len(LOOK_AFTER_S)
    consumer.hub.close()


def test_a_loop_that_has_not_turned_yet_holds_up_no_task() -> None:
    consumer = _consumer()
    step = Attention(consumer)
    step.start(consumer)

    for _ in range(100_000):
        step._ended()
    step.stop(consumer)

    assert consumer.hub.readers == {}
    consumer.hub.close()


def test_a_worker_without_an_event_loop_polls_anyway() -> None:
    consumer = SimpleNamespace(hub=None)
    step = Attention(consumer)

    step.start(consumer)
    step.stop(consumer)
