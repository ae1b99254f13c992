"""What is wrong with a dataset's annotations, gathered so that one try tells it all."""

from dataclasses import dataclass, field
from pathlib import Path

from netaug_core.errors import BadData

MOST_TOLD = 5


@dataclass
class Faults:
    """Sentences that each name the file, the place, the value and the remedy; the first few."""

    count: int = 0
    told: list[str] = field(default_factory=list)

    def add(self, file: Path, sentence: str) -> None:
        self.count += 1
        if len(self.told) < MOST_TOLD:
            self.told.append(f"{file}: {sentence}")

    def raise_if_any(self) -> None:
        """Tell them.

        Raises:
            BadData: there are some.
        """
        if not self.count:
            return
        if self.count == 1:
            raise BadData(f"data.dataset: {self.told[0]}")
        more = self.count - len(self.told)
        lines = [*self.told, f"and {more} more like these"] if more else self.told
        raise BadData(f"data.dataset: {self.count} faults:" + "".join(f"\n  {x}" for x in lines))
