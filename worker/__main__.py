"""`python -m worker`: one worker, a job in each of its slots. SIGTERM drains it."""

import logging
import sys

from jobs import logs
from jobs.settings import settings
from worker import tasks
from worker.app import QUEUE, app


def main() -> int:
    logs.configure(settings().log_level)
    for chatty in ("celery.app.trace", "celery.worker.strategy"):  # two lines for each doorbell
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Threads, not a forked pool: each trainer is a process of its own, and forks break CUDA.
    app.worker_main(
        [
            "worker",
            *("--pool", "threads", "--concurrency", str(tasks.slots().total)),
            *("--queues", QUEUE),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            *("--loglevel", settings().log_level),
        ]
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
