"""A worker's slots: which attempt has which GPUs. No GPU of a whole-GPU job is ever shared."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True)
class Share:
    """What one attempt has of its worker.

    Attributes:
        places: its GPUs, as CUDA names them; a worker without any is one place without a name.
        slots: how many slots it takes there: its part of the cores.
        visible: CUDA_VISIBLE_DEVICES for its trainer; None: as the worker itself has it.
    """

    places: tuple[str, ...]
    slots: int
    visible: str | None


class Slots:
    """Counts what is free. A worker without GPUs has slots of its cores alone."""

    def __init__(self, gpus: Sequence[str], *, per_gpu: int, without_gpus: int) -> None:
        self._each = per_gpu if gpus else without_gpus
        self._free = dict.fromkeys(gpus or ("",), self._each)
        self.num_gpus = len(gpus)
        self._lock = Lock()

    @property
    def total(self) -> int:
        return self._each * len(self._free)

    @property
    def free(self) -> int:
        with self._lock:
            return sum(self._free.values())

    def offer(self) -> int | None:
        """GPUs that the largest job may ask for now; None while nothing is free."""
        with self._lock:
            if not any(self._free.values()):
                return None
            return max(min(1, self.num_gpus), self._num_untouched())

    def _num_untouched(self) -> int:
        return len(self._untouched()) if self.num_gpus else 0

    def _untouched(self) -> list[str]:
        return [gpu for gpu, free in self._free.items() if free == self._each]

    def take(self, gpus: int | None) -> Share:
        """The share of a job that fits what `offer` said, by its spec's `gpus`.

        Several GPUs are taken whole. One, or null, is a slot of the GPU that is fullest, so that
        others stay whole. 0 is a slot too, as it needs cores, but its trainer sees no GPU.
        """
        with self._lock:
            taken = self._untouched()[:gpus] if (gpus or 0) > 1 else [self._fullest()]
            each = self._each if len(taken) > 1 else 1
            for gpu in taken:
                self._free[gpu] -= each
            visible = "" if gpus == 0 else ",".join(taken)
            return Share(tuple(taken), each * len(taken), visible if self.num_gpus else None)

    def _fullest(self) -> str:
        return min((gpu for gpu, free in self._free.items() if free), key=self._free.__getitem__)

    def give_back(self, share: Share) -> None:
        with self._lock:
            for place in share.places:
                self._free[place] += share.slots // len(share.places)


def threads_of(share: Share, *, cores: int, total: int) -> int:
    """A trainer's part of the cores: at least one thread."""
    return max(1, cores * share.slots // total)
