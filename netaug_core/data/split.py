"""Stratified splits that belong to a dataset, not to a run: the same for every seed of a spec."""

import numpy as np

from netaug_core.data.counters import Indices, permutation

VALIDATION_SEED = 20_211_017
TEST_SEED = 20_211_018


def stratified(labels: Indices, count: int, seed: int) -> tuple[Indices, Indices]:
    """Positions of (rest, drawn); `count` are drawn, from each class in proportion to its size.

    Every class keeps at least one image in each part, if it has two.
    """
    order = permutation(seed, 0, len(labels))
    drawn = []
    classes = np.unique(labels)
    for label, quota in zip(classes, _quotas(labels, classes, count), strict=True):
        drawn.append(order[labels[order] == label][:quota])
    chosen = np.sort(np.concatenate(drawn))
    rest = np.setdiff1d(np.arange(len(labels), dtype=np.int64), chosen)
    return rest, chosen


def _quotas(labels: Indices, classes: Indices, count: int) -> Indices:
    """Largest remainders; then no class is left without an image in either part."""
    sizes = np.array([(labels == label).sum() for label in classes], np.int64)
    exact = sizes * count / len(labels)
    quotas = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(quotas - exact, kind="stable")
    quotas[by_remainder[: count - quotas.sum()]] += 1
    return np.clip(quotas, np.minimum(1, sizes - 1), sizes - 1)
