import torch

from jobs.receipts import DECISIVE
from netaug_core import environment


def test_a_run_tells_everything_that_decides_its_bits() -> None:
    told = environment.environment(torch.device("cpu"), 1)
    assert {name for name in DECISIVE if told.get(name) in (None, "")} == set()
