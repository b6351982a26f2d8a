"""The bootstrap by post: it draws whole posts, since pairs of one post are not independent.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993: section 6.2 (the algorithm), chapter 13 (the
percentile interval). A resample is a vector of weights, the number of times that each post is drawn. A count of a resample is then
a weighted sum over posts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from psy_agents.evaluation.results import Estimate

CONFIDENCE_LEVEL = 0.95
MAX_CHUNK_NUMBERS = 2**21

Statistics = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""From weights of posts (n, posts), each statistic (n, ...) by name."""


def chunk_rows(width: int) -> int:
    """Number of rows of ``width`` numbers in one chunk, which bounds the memory."""
    return max(1, MAX_CHUNK_NUMBERS // width)


def resample_weights(n_posts: int, resamples: int, seed: int, rows: int) -> Iterator[np.ndarray]:
    """Draw ``n_posts`` posts with replacement, ``resamples`` times; the draws do not depend on ``rows``.

    Yields:
        (at most ``rows``, n_posts) the number of times that each post is drawn; every row sums to ``n_posts``.
    """
    generator = np.random.default_rng(seed)
    for first in range(0, resamples, rows):
        n = min(rows, resamples - first)
        drawn = generator.integers(n_posts, size=(n, n_posts)) + np.arange(n)[:, None] * n_posts
        yield np.bincount(drawn.ravel(), minlength=n * n_posts).reshape(n, n_posts).astype(np.float64)


def percentile_interval(values: np.ndarray) -> np.ndarray:
    """The 2.5 % and 97.5 % quantiles of a statistic over resamples.

    Args:
        values: (resamples, ...) NaN in a resample in which the statistic is undefined; such a resample is left out.

    Returns:
        (2, ...) NaN where the statistic is undefined in every resample.
    """
    columns = values.reshape(len(values), int(np.prod(values.shape[1:])))
    interval = np.full((2, columns.shape[1]), np.nan)
    for number, column in enumerate(columns.T):
        defined = column[~np.isnan(column)]
        if len(defined):
            interval[:, number] = np.quantile(defined, ((1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2))
    return interval.reshape(2, *values.shape[1:])


def bootstrap(statistics: Statistics, n_posts: int, *, resamples: int, seed: int, width: int) -> dict[str, np.ndarray]:
    """Compute statistics over all posts, with their intervals.

    Args:
        statistics: from weights of posts (n, n_posts), each statistic (n, ...); NaN where it is undefined.
        resamples: 0 for no intervals.
        width: the most numbers that ``statistics`` holds for one row of weights.

    Returns:
        (3, ...) of each statistic: its value and both ends of its interval; the ends are NaN without an interval.
    """
    values = statistics(np.ones((1, n_posts)))
    drawn = [statistics(weights) for weights in resample_weights(n_posts, resamples, seed, chunk_rows(width))]
    return {
        name: np.concatenate([value, percentile_interval(np.concatenate([value[:0], *(part[name] for part in drawn)]))])
        for name, value in values.items()
    }


def as_estimate(values: np.ndarray) -> Estimate | None:
    """The estimate of a statistic from a result of `bootstrap`, (3,); None if the statistic is undefined."""
    value, low, high = (None if np.isnan(number) else float(number) for number in values)
    return None if value is None else Estimate(value=value, low=low, high=high)
