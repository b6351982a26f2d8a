"""The bootstrap by resampling unit: it draws whole units, since posts of one author, or near-duplicates, are not independent.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 6.2; for units Davison and Hinkley, "Bootstrap Methods
and their Application", 1997, section 3.8. Without groups or near-duplicates each post is a unit. A resample is a vector of weights, the
number of times that each post is drawn. A count of a resample is then a weighted sum over posts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from psy_agents.evaluation.intervals import bootstrap_interval
from psy_agents.evaluation.results import Estimate

MAX_CHUNK_NUMBERS = 2**21

Statistics = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""From weights of posts (n, posts), each statistic (n, ...) by name."""


@dataclass(frozen=True, eq=False)
class Resampled:
    """A statistic of all posts (...), and of each resample (resamples, ...); NaN where it is undefined."""

    value: np.ndarray
    draws: np.ndarray

    def __getitem__(self, place: int | tuple[int, ...]) -> Resampled:
        """One of the statistics."""
        place = place if isinstance(place, tuple) else (place,)
        return Resampled(self.value[place], self.draws[(slice(None), *place)])

    def estimate(self) -> Estimate | None:
        """The value with its bootstrap interval; None if the statistic is undefined."""
        return estimate_of(self.value, bootstrap_interval(float(self.value), self.draws))


def chunk_rows(width: int) -> int:
    """Number of rows of ``width`` numbers in one chunk, which bounds the memory."""
    return max(1, MAX_CHUNK_NUMBERS // width)


def resample_weights(units: np.ndarray, resamples: int, seed: int, rows: int) -> Iterator[np.ndarray]:
    """Draw as many units as there are with replacement, ``resamples`` times; the draws do not depend on ``rows``.

    Args:
        units: (posts,) the unit of each post, numbered from 0.

    Yields:
        (at most ``rows``, posts) the number of times that each post is drawn.
    """
    generator, n_units = np.random.default_rng(seed), int(units.max()) + 1
    for first in range(0, resamples, rows):
        n = min(rows, resamples - first)
        drawn = generator.integers(n_units, size=(n, n_units)) + np.arange(n)[:, None] * n_units
        yield np.bincount(drawn.ravel(), minlength=n * n_units).reshape(n, n_units).astype(np.float64)[:, units]


def bootstrap(statistics: Statistics, units: np.ndarray, *, resamples: int, seed: int, width: int) -> dict[str, Resampled]:
    """Compute statistics over all posts, and over each resample.

    Args:
        statistics: from weights of posts (n, posts), each statistic (n, ...); NaN where it is undefined.
        units: (posts,) the resampling unit of each post, numbered from 0.
        resamples: 0 for values alone.
        width: the most numbers that ``statistics`` holds for one row of weights.
    """
    values = statistics(np.ones((1, len(units))))
    drawn = [statistics(weights) for weights in resample_weights(units, resamples, seed, chunk_rows(width))]
    return {
        name: Resampled(value[0], np.concatenate([value[:0], *(part[name] for part in drawn)])) for name, value in values.items()
    }


def estimate_of(value: float | np.ndarray, interval: tuple[float, float] | None) -> Estimate | None:
    """An estimate with its interval; None if the value is undefined."""
    if np.isnan(value):
        return None
    low, high = (None, None) if interval is None else interval
    return Estimate(value=float(value), low=low, high=high)
