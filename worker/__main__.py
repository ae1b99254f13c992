"""`python -m worker`: one worker, one job at a time. SIGTERM drains it."""

import logging
import sys

from jobs import logs
from jobs.settings import settings
from worker.app import QUEUE, app


def main() -> int:
    logs.configure(settings().log_level)
    for chatty in ("celery.app.trace", "celery.worker.strategy"):  # two lines for each doorbell
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # A thread, not a forked pool: the trainer is a process of its own, and forks break CUDA.
    app.worker_main(
        [
            "worker",
            *("--pool", "threads", "--concurrency", "1", "--queues", QUEUE),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            *("--loglevel", settings().log_level),
        ]
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
