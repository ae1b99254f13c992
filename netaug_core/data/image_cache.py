"""Pictures in memory that the processes decoding them share. Bounded; nothing is ever evicted.

In random order every picture is as likely as any other to be next: once the memory is full, to
evict one for another would gain nothing.
"""

import mmap
import multiprocessing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netaug_core.errors import BadSpec

NUM_COLUMNS = 5  # of the table: where a picture starts, its bytes, its stamp, two numbers of shape
Content = NDArray[np.uint8]


@dataclass(frozen=True)
class Entry:
    """What is kept of a picture.

    Attributes:
        content: the bytes.
        height: in pixels; 0 if the bytes tell.
        width: likewise.
    """

    content: Content
    height: int = 0
    width: int = 0


class ImageCache:
    """One place for each of `num_places` pictures, in `capacity_bytes` together.

    The memory is anonymous: processes forked later share it, and its size does not count against
    /dev/shm, which containers keep small.
    """

    def __init__(self, num_places: int, capacity_bytes: int) -> None:
        try:
            self._pixels = np.frombuffer(mmap.mmap(-1, capacity_bytes), np.uint8)
        except (OSError, ValueError) as error:
            raise BadSpec(
                f"the image cache of {capacity_bytes} bytes cannot be had ({error}); "
                "give it less memory"
            ) from error
        size = (num_places + 1) * NUM_COLUMNS * np.dtype(np.int64).itemsize
        table = np.frombuffer(mmap.mmap(-1, size), np.int64).reshape(-1, NUM_COLUMNS)
        self._used, self._table = table[0, :1], table[1:]  # the first row counts the bytes in use
        self._lock = multiprocessing.get_context("fork").Lock()

    @property
    def used_bytes(self) -> int:
        return int(self._used[0])

    def get(self, place: int, stamp: int) -> Entry | None:
        """What is kept there, unless it was put with another stamp. Not to be written to."""
        with self._lock:
            start, length, kept_stamp, height, width = self._table[place].tolist()
        if not length or kept_stamp != stamp:
            return None
        return Entry(self._pixels[start : start + length], height, width)

    def put(self, place: int, stamp: int, entry: Entry) -> None:
        """Keep a picture, while there is room."""
        length = len(entry.content)
        with self._lock:
            start = self.used_bytes
            if start + length > len(self._pixels):
                return
            self._used[0] = start + length
        # Written outside the lock, for it takes a while, and told only when it is whole.
        self._pixels[start : start + length] = entry.content
        with self._lock:
            self._table[place] = (start, length, stamp, entry.height, entry.width)
