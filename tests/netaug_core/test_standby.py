"""A trainer that loads everything and waits for its command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.cuda_driver import Driver

WAITS = """
import os, sys
from pathlib import Path
from netaug_core import standby
order = standby.wait(int(sys.argv[1]))
print(order.arguments, os.environ["CUDA_VISIBLE_DEVICES"], Path(sys.argv[2]).exists())
import torch
torch.ones(1, requires_grad=True).backward()
torch.cuda.is_available()
"""


def told(
    line: bytes, *command: str, driver: Driver | None = None
) -> "subprocess.CompletedProcess[str]":
    """What becomes of it when this comes through the pipe, and nothing else ever."""
    read, write = os.pipe()
    os.write(write, line)
    os.close(write)
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    command = tuple(part.replace("ORDERS", str(read)) for part in command)
    try:
        return subprocess.run(
            [sys.executable, *command],
            env=environment | (driver.environment if driver else {}),
            pass_fds=(read,),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(read)


@pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="this torch knows no driver")
def test_which_gpu_it_sees_comes_with_the_command_and_no_driver_is_asked_before(
    tmp_path: Path,
) -> None:
    # fails if what it does to load goes backward once: the driver counts the GPUs then, for good
    driver = Driver(tmp_path)
    order = {"arguments": ["train", "spec.json"], "environment": {"CUDA_VISIBLE_DEVICES": "3"}}
    line = json.dumps(order).encode() + b"\n"
    ended = told(line, "-c", WAITS, "ORDERS", str(driver.record), driver=driver)
    assert ended.stdout == "['train', 'spec.json'] 3 False\n", ended.stderr
    assert set(driver.initialised()) == {"3"}


@pytest.mark.parametrize("line", [b"", b'{"arguments": ["train"'])
def test_without_a_whole_command_it_ends(line: bytes) -> None:
    waits = ("-m", "netaug_core", "standby", "--orders-fd", "ORDERS", "--events-fd", "1")
    ended = told(line, *waits)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_command_gets_the_events_of_the_standby() -> None:
    order = {"arguments": ["train", "/nowhere.json", "--out", "/nowhere"], "environment": {}}
    waits = ("-m", "netaug_core", "standby", "--orders-fd", "ORDERS", "--events-fd", "1")
    ended = told(json.dumps(order).encode() + b"\n", *waits)
    assert ended.returncode == 64
    assert json.loads(ended.stdout.splitlines()[0])["failure"] == "user_error"
