"""A trainer that loads everything and waits for its command."""

import json
import os
import subprocess
import sys

import pytest

WAITS = """
import os, sys
from netaug_core import standby
order = standby.wait(int(sys.argv[1]))
import torch
print(order.arguments, os.environ["CUDA_VISIBLE_DEVICES"], torch.cuda.is_initialized())
"""


def told(line: bytes, *command: str) -> "subprocess.CompletedProcess[str]":
    """What becomes of it when this comes through the pipe, and nothing else ever."""
    read, write = os.pipe()
    os.write(write, line)
    os.close(write)
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    command = tuple(part.replace("ORDERS", str(read)) for part in command)
    try:
        return subprocess.run(
            [sys.executable, *command],
            env=environment,
            pass_fds=(read,),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(read)


def test_which_gpu_it_sees_comes_with_the_command_and_none_is_open_before() -> None:
    order = {"arguments": ["train", "spec.json"], "environment": {"CUDA_VISIBLE_DEVICES": "3"}}
    ended = told(json.dumps(order).encode() + b"\n", "-c", WAITS, "ORDERS")
    assert ended.stdout == "['train', 'spec.json'] 3 False\n"


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
