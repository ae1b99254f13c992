"""What all devices do in a step beside training, agreed before it in a single exchange."""

from dataclasses import dataclass

from netaug_core.training.control import Wish
from netaug_core.training.devices import Group

WISHES = (None, Wish.STOP, Wish.LEAVE)  # the stronger one later: the strongest counts for all


@dataclass(frozen=True)
class Turn:
    """Of one process: what it would do; of all together: what each of them does.

    Attributes:
        wish: of whoever started the run.
        write_checkpoint: after the step; time decides, and clocks differ.
        report: likewise.
    """

    wish: Wish | None
    write_checkpoint: bool
    report: bool

    def agreed(self, group: Group) -> "Turn":
        """Anybody's wish counts; when to write and report is for the first process to say."""
        own = [WISHES.index(self.wish), self.write_checkpoint, self.report]
        wish, write, report = group.highest(own if group.is_first else [own[0], 0, 0])
        return Turn(WISHES[wish], bool(write), bool(report))
