"""Work done one piece after the other, by a thread that no end of the process waits for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class Errands:
    """As an executor of one thread; Python would join that at its end, however long it takes."""

    def __init__(self, name: str) -> None:
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._futures: set[Future[Any]] = set()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], Result]) -> "Future[Result]":
        future: Future[Result] = Future()
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        self._waiting.put((future, work))
        return future

    def _work(self) -> None:
        while (errand := self._waiting.get()) is not None:
            future, work = errand
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001  # whoever asks for the result gets it
                future.set_exception(error)
            else:
                future.set_result(result)

    def close(self, *, wait: bool) -> None:
        """Cancel what has not begun; the piece that has may be waited for."""
        for future in list(self._futures):
            future.cancel()
        self._waiting.put(None)
        if wait:
            self._thread.join()
