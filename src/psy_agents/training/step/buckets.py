"""Shapes that repeat: a micro-batch is filled with dummy windows and pairs to one of a few shapes.

B: windows, T: tokens of a padded window, N: tokens of a packed row, P: pairs.

A CUDA graph has fixed shapes. Sizes are rounded up to a grid with a fixed number of steps between powers of two, so their number
stays small and the share of padding bounded. A dummy window reads like a window without a post: it has a token, an answerable
position 0 and a target there, so that nothing in it is 0 / 0; its evidence is unknown. A dummy pair has at least one dummy window,
and label -1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FINE, COARSE = 8, 4
"""Steps between powers of two: at most 1/8 and 1/4 more than needed."""


def round_up(size: int, steps: int) -> int:
    """The smallest grid size that is at least ``size``; the grid has ``steps`` sizes from a power of two to the next."""
    step = max(1, 2 ** ((size - 1).bit_length() - 1) // steps) if size > 1 else 1
    return -(-size // step) * step


@dataclass(frozen=True)
class Bucket:
    """The shape of a batch.

    Attributes:
        windows: B, with dummy windows.
        width: T.
        pairs: P, with dummy pairs; 0 where a batch has windows without pairs (evaluation, prediction).
        sentences: at least the number of sentences in any window.
        row: N; None if the encoders read padded windows.
    """

    windows: int
    width: int
    pairs: int
    sentences: int
    row: int | None

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Sizes of the parts of a batch's index: windows, their lengths, their pairs, and the pairs."""
        return self.windows, self.windows, self.windows, self.pairs


class Buckets:
    """The buckets of a split's windows.

    Args:
        longest: tokens of the split's longest window.
        sentences: most sentences in a window.
        packed: whether the encoders read packed rows.
    """

    def __init__(self, longest: int, sentences: int, packed: bool) -> None:
        self._longest, self._sentences, self._packed = longest, max(1, sentences), packed

    def widths(self, lengths: np.ndarray) -> np.ndarray:
        """T for each of these lengths."""
        found, places = np.unique(lengths, return_inverse=True)
        return np.array([self.width(length) for length in found.tolist()])[places]

    def width(self, length: int) -> int:
        """T for windows of this length. A packed row makes it cheap: only heads read padded states then."""
        return min(self._longest, round_up(length, 1 if self._packed else COARSE))

    def of_pairs(self, lengths: np.ndarray, n_pairs: int, micro_batch: int) -> Bucket:
        """The bucket of a micro-batch.

        Args:
            lengths: tokens of its windows.
            n_pairs: its pairs, at most ``micro_batch``.
        """
        width = self.width(int(lengths.max()))
        if not self._packed and len(lengths) == n_pairs:
            # One window a pair, the usual case: no dummy window but those of missing pairs.
            return Bucket(micro_batch, width, micro_batch, self._sentences, None)
        # One more pair than there are takes all dummy windows beyond one a pair.
        return self._filled(lengths, width, micro_batch + 1, len(lengths) + micro_batch + 1 - n_pairs)

    def of_windows(self, lengths: np.ndarray, budget: int) -> Bucket:
        """The bucket of a batch of windows without pairs: of a full one, or the next smaller size that holds it.

        Args:
            lengths: tokens of its windows.
            budget: padded tokens in a full batch.
        """
        width = self.width(int(lengths.max()))
        windows = min(max(1, budget // width), round_up(len(lengths), COARSE))
        if not self._packed:
            return Bucket(windows, width, 0, self._sentences, None)
        return self._filled(lengths, width, 0, max(windows + windows // FINE, len(lengths)) + 1)

    def _filled(self, lengths: np.ndarray, width: int, pairs: int, least: int) -> Bucket:
        windows = round_up(least, COARSE)
        if not self._packed:
            return Bucket(windows, width, pairs, self._sentences, None)
        while True:
            dummies = windows - len(lengths)
            row = round_up(int(lengths.sum()) + dummies, FINE)
            if row - int(lengths.sum()) <= dummies * width:
                return Bucket(windows, width, pairs, self._sentences, row)
            windows = round_up(windows + 1, COARSE)


def batch_index(
    bucket: Bucket, windows: np.ndarray, lengths: np.ndarray, pair: np.ndarray, pairs: np.ndarray, dummies: tuple[int, int]
) -> np.ndarray:
    """The index of a batch, filled to its bucket: numbers of windows, their lengths, their pairs' places, numbers of pairs.

    Args:
        windows, lengths: numbers and lengths of the real windows.
        pair: each window's place in ``pairs``.
        pairs: numbers of the real pairs.
        dummies: numbers of the dummy window and of the dummy pair.
    """
    more_windows, more_pairs = bucket.windows - len(windows), bucket.pairs - len(pairs)
    # Missing pairs get one dummy window each; the last one takes all others.
    owners = np.minimum(len(pairs) + np.arange(more_windows), max(bucket.pairs - 1, 0))
    return np.concatenate([
        windows, np.full(more_windows, dummies[0]),
        lengths, _dummy_lengths(bucket, int(lengths.sum()), more_windows),
        pair, owners,
        pairs, np.full(more_pairs, dummies[1]),
    ]).astype(np.int64)  # fmt: skip


def _dummy_lengths(bucket: Bucket, tokens: int, n: int) -> np.ndarray:
    """Of one token each where windows are padded; in a packed row they take what is left, in equal shares."""
    if bucket.row is None or n == 0:
        return np.ones(n, dtype=np.int64)
    shares = np.arange(n + 1) * (bucket.row - tokens) // n
    return np.diff(shares)
