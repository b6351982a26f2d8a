"""The learning curve of a trial: the objective on validation by epoch, and the epoch that it is judged by.

One epoch's value on a small validation split is noisy, and the highest of many noisy values is too high. The curve is therefore
smoothed before epochs, trials and candidates are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

LEAST = 3  # Epochs of a curve that is smoothed.
VALUE_RULE = "highest mean of 3 epochs, words by touch"
"""How a trial's value is made; part of a study's identity."""


def smoothed(values: Sequence[float]) -> list[float]:
    """The curve's moving average: the mean of each epoch and its two neighbours, where the first and the last value are repeated.

    A curve of fewer than three epochs is returned as it is. The value of an epoch is settled when the next one is known.

    Args:
        values: by epoch, the first one first.
    """
    if len(values) < LEAST:
        return list(values)
    padded = [values[0], *values, values[-1]]
    return [(before + value + after) / 3 for before, value, after in zip(padded, padded[1:], padded[2:], strict=False)]


def highest_epoch(curve: Sequence[float]) -> int:
    """The epoch, counted from 1, at which a curve is highest; the first of several.

    Raises:
        ValueError: there are no values.
    """
    return 1 + max(range(len(curve)), key=curve.__getitem__)


def best_epoch(values: Sequence[float]) -> int:
    """The epoch, counted from 1, at which the smoothed curve is highest; the first of several.

    Raises:
        ValueError: there are no values.
    """
    return highest_epoch(smoothed(values))


def best_value(values: Sequence[float]) -> float:
    """The highest value of the smoothed curve: what a trial is judged by.

    Raises:
        ValueError: there are no values.
    """
    return max(smoothed(values))
