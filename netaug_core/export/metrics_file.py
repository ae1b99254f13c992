"""metrics.csv: one line an epoch."""

import csv
from collections.abc import Sequence
from pathlib import Path

from netaug_core.training.state import EpochRow

FIRST_COLUMNS = ("epoch", "step")


def write(path: Path, history: Sequence[EpochRow]) -> None:
    # Not every epoch has every metric: an epoch without an augmented pass has no loss of one.
    names = list(dict.fromkeys(name for row in history for name in row.values))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*FIRST_COLUMNS, *names])
        for row in history:
            writer.writerow([row.epoch, row.step, *(row.values.get(name, "") for name in names)])
