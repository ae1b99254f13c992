"""What a worker has made before a doorbell rings."""

import os
import subprocess
import sys

import pytest

from jobs.settings import Settings

READY = """
from worker import tasks
tasks._on_ready()
made = tasks.devices, tasks.slots, tasks.platform, tasks.presence, tasks.claims
print([each.cache_info().currsize for each in made])
tasks._on_stopped()
"""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_the_threads_of_a_worker_share_is_made_before_they_start(settings: Settings) -> None:
    # fails if threads make it: their claims would not wait for each other
    environment = {name: value for name, value in os.environ.items() if "NETAUG" not in name} | {
        "NETAUG_DATABASE_URL": settings.database_url.get_secret_value(),
        "NETAUG_BROKER_URL": settings.broker_url.get_secret_value(),
        "NETAUG_BROKER_DIR": str(settings.broker_dir),
        "NETAUG_STORAGE_URL": settings.storage_url,
        "NETAUG_WORK_DIR": str(settings.work_dir),
        "NETAUG_WARM_TRAINERS": "false",
    }
    printed = subprocess.run(
        [sys.executable, "-c", READY], env=environment, check=True, capture_output=True, text=True
    ).stdout
    assert "[1, 1, 1, 1, 1]" in printed
