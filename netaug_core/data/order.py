"""Which pictures make up which batch, and which of them a process (a rank) takes. Pure numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netaug_core.data.counters import Indices, permutation
from netaug_core.errors import BadSpec

EVALUATION_BATCH = 256
CALIBRATION_SEED = 937_162_211  # as in the reference recipe: the subset is the same for every run


@dataclass(frozen=True)
class Rank:
    """One of the processes that train together, and how many they are."""

    number: int
    count: int


def training_batches(
    num_images: int, batch_size: int, *, seed: int, epoch: int, rank: Rank, with_neighbour: bool
) -> list[Indices]:
    """Positions of this rank's part of every global batch of an epoch, which is in random order.

    A global batch is the same however many ranks share it; they take equal parts, one after the
    other. The incomplete last batch is left out.

    Args:
        num_images: in the training part.
        batch_size: of a global batch.
        seed: of the run.
        epoch: decides the order.
        rank: this process.
        with_neighbour: each part is followed by one more position: the next in the global batch,
            and after its last the first. So each picture has the same neighbour on any rank.

    Raises:
        BadSpec: the ranks cannot take equal parts.
    """
    if batch_size % rank.count:
        raise BadSpec(
            f"data.batch_size must be a multiple of {rank.count}, the number of devices; "
            f"got {batch_size}"
        )
    order = permutation(seed, epoch, num_images)
    batches = order[: num_images // batch_size * batch_size].reshape(-1, batch_size)
    share = batch_size // rank.count
    taken = np.arange(share * rank.number, share * (rank.number + 1) + int(with_neighbour))
    return list(batches[:, taken % batch_size])


def calibration_batches(
    num_images: int, count: int, rank: Rank, size: int = EVALUATION_BATCH
) -> list[Indices]:
    """This rank's batches, of `size` pictures, of a fixed subset."""
    chosen = permutation(CALIBRATION_SEED, 0, num_images)[:count]
    if len(chosen) > 1 and len(chosen) % size == 1:
        chosen = chosen[:-1]  # one picture alone has no variance where a map is a single pixel
    return _take_turns(chosen, rank, size)


def evaluation_batches(num_images: int, rank: Rank, size: int = EVALUATION_BATCH) -> list[Indices]:
    """This rank's batches of all pictures: together, the ranks take each one once."""
    return _take_turns(np.arange(num_images, dtype=np.int64), rank, size)


def evaluation_positions(num_images: int, rank: Rank) -> Indices:
    """What a rank evaluates, in order: `logits[evaluation_positions(n, r)] = logits_of_rank_r`."""
    batches: Sequence[Indices] = evaluation_batches(num_images, rank)
    return np.concatenate(batches) if batches else np.zeros(0, np.int64)


def _take_turns(positions: Indices, rank: Rank, size: int) -> list[Indices]:
    """Rank r takes batches r, r + count, ...: the batches are the same for any number of ranks."""
    starts = range(size * rank.number, len(positions), size * rank.count)
    return [positions[start : start + size] for start in starts]
