from collections import Counter

import torch

from netaug_core.augment import sampling

MULTIPLIERS = (1.0, 1.6, 2.2, 2.8)


def test_each_multiplier_is_drawn_equally_often() -> None:
    choose = sampling.uniform(torch.Generator().manual_seed(0))

    counts = Counter(choose(MULTIPLIERS) for _ in range(4000))

    # 1,000 each expected, standard deviation 27: five of them.
    assert all(abs(counts[multiplier] - 1000) < 137 for multiplier in MULTIPLIERS)


def test_the_same_seed_draws_the_same_multipliers() -> None:
    one, same = (sampling.uniform(torch.Generator().manual_seed(7)) for _ in range(2))

    assert [one(MULTIPLIERS) for _ in range(50)] == [same(MULTIPLIERS) for _ in range(50)]
