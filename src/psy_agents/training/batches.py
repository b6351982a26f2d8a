"""The pairs of an epoch, and batches of pairs and windows. B: windows, T: tokens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from psy_agents.agents.windows import Windows
from psy_agents.training.data import PairData

BUCKET_BATCHES = 16  # batches of similar length are cut from buckets of this many batches of random pairs


def epoch_pairs(data: PairData, negative_ratio: float, generator: np.random.Generator) -> np.ndarray:
    """Return this epoch's pairs: all annotated ones, and a fresh draw of implicit negatives.

    The draw has ``negative_ratio`` implicit negatives per positive pair, or all of them if there are fewer.
    """
    annotated = np.flatnonzero(~data.implicit)
    implicit = np.flatnonzero(data.implicit)
    wanted = min(len(implicit), round(negative_ratio * int(data.labels.sum())))
    return np.concatenate([annotated, generator.choice(implicit, wanted, replace=False)])


def bucketed_batches(pairs: np.ndarray, lengths: np.ndarray, batch_size: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Shuffle pairs and cut batches of similar length.

    Pairs are shuffled, sorted by length only within buckets of ``BUCKET_BATCHES`` batches, and the batches
    are shuffled again: padding stays small, and a pair shares batches with many others.
    """
    shuffled = generator.permutation(pairs)
    batches = []
    for begin in range(0, len(shuffled), batch_size * BUCKET_BATCHES):
        bucket = shuffled[begin : begin + batch_size * BUCKET_BATCHES]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        batches += [bucket[i : i + batch_size] for i in range(0, len(bucket), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def token_budget_batches(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Cut windows, longest first, into batches of at most ``budget`` padded tokens (at least one window)."""
    order = np.argsort(-lengths, kind="stable")
    begin = 0
    while begin < len(order):
        size = max(1, budget // int(lengths[order[begin]]))
        yield order[begin : begin + size]
        begin += size


def padded_indices(windows: Windows, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the chosen windows' tokens, padded to the longest of them.

    Returns:
        mask (B, T) True on real tokens, and each token's index in the flat arrays of `Windows` (B, T), 0 after
        a window's end.
    """
    lengths = windows.lengths[chosen]
    columns = np.arange(int(lengths.max()))
    mask = columns < lengths[:, None]
    return mask, np.where(mask, windows.first[chosen][:, None] + columns, 0)
