"""The Celery application. A message is a doorbell: the job itself is claimed from the database."""

from typing import Any

from celery import Celery
from kombu import Queue

from jobs.settings import Settings, settings
from worker.attention import Attention

QUEUE = "netaug.doorbells"
DOORBELL = "worker.tasks.doorbell"
FILESYSTEM_POLL_S = 0.05
SOCKET_SECONDS = 5.0


def _transport_options(configured: Settings) -> dict[str, Any]:
    if configured.broker_dir is None:
        # Without time-outs a frozen Redis would block a publisher for ever.
        return {"socket_timeout": SOCKET_SECONDS, "socket_connect_timeout": SOCKET_SECONDS}
    folder = configured.broker_dir / "messages"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(configured.broker_dir / "control"),
        "polling_interval": FILESYSTEM_POLL_S,
    }


def make_app(configured: Settings) -> Celery:
    """An application for this broker: early acknowledgement, no results, no retries, JSON only."""
    app = Celery("netaug", broker=configured.broker_url.get_secret_value())
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        broker_transport_options=_transport_options(configured),
        broker_connection_timeout=SOCKET_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        task_queues=[Queue(QUEUE)],
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=False,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=configured.broker_dir is None,  # Redis only
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        include=["worker.tasks"],
    )
    return app


app = make_app(settings())
app.steps["consumer"].add(Attention)
