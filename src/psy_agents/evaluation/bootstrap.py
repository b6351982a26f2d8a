"""The bootstrap by post: pairs of one post are not independent, so whole posts are drawn.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993: section 6.2 (the algorithm), chapter 13 (the
percentile interval). A resample is a vector of weights: how often each post was drawn. Every count of a resample is then a weighted
sum over posts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from psy_agents.evaluation.results import Estimate

LEVEL = 0.95
NUMBERS_AT_ONCE = 2**21

Figures = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def rows_at_once(width: int) -> int:
    """Number of rows of ``width`` numbers in one chunk; it bounds the memory."""
    return max(1, NUMBERS_AT_ONCE // width)


def resample_weights(n_posts: int, resamples: int, seed: int, rows: int) -> Iterator[np.ndarray]:
    """Draw ``n_posts`` posts with replacement, ``resamples`` times; the draws do not depend on ``rows``.

    Yields:
        (at most ``rows``, n_posts) how often each post was drawn; every row sums to ``n_posts``.
    """
    generator = np.random.default_rng(seed)
    for done in range(0, resamples, rows):
        n = min(rows, resamples - done)
        drawn = generator.integers(n_posts, size=(n, n_posts)) + np.arange(n)[:, None] * n_posts
        yield np.bincount(drawn.ravel(), minlength=n * n_posts).reshape(n, n_posts).astype(np.float64)


def percentile_interval(values: np.ndarray) -> np.ndarray:
    """The 2.5 % and 97.5 % quantiles of a figure over resamples.

    Args:
        values: (resamples, ...) NaN in a resample that does not define the figure; such a resample is left out.

    Returns:
        (2, ...) NaN where no resample defines the figure.
    """
    columns = values.reshape(len(values), int(np.prod(values.shape[1:])))
    interval = np.full((2, columns.shape[1]), np.nan)
    for number, column in enumerate(columns.T):
        defined = column[~np.isnan(column)]
        if len(defined):
            interval[:, number] = np.quantile(defined, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return interval.reshape(2, *values.shape[1:])


def bootstrap(figures: Figures, n_posts: int, *, resamples: int, seed: int, width: int) -> dict[str, np.ndarray]:
    """Compute figures of all posts with their intervals.

    Args:
        figures: from weights of posts (n, n_posts), each figure (n, ...); NaN where it is undefined.
        resamples: 0 for no intervals.
        width: how many numbers ``figures`` needs for one row of weights.

    Returns:
        (3, ...) of each figure: its value and both ends of its interval; the ends are NaN without an interval.
    """
    values = figures(np.ones((1, n_posts)))
    drawn = [figures(weights) for weights in resample_weights(n_posts, resamples, seed, rows_at_once(width))]
    return {
        name: np.concatenate([value, percentile_interval(np.concatenate([value[:0], *(part[name] for part in drawn)]))])
        for name, value in values.items()
    }


def as_estimate(values: np.ndarray) -> Estimate | None:
    """A figure's value and ends of `bootstrap`, (3,); None where the figure is undefined."""
    value, low, high = (None if np.isnan(number) else float(number) for number in values)
    return None if value is None else Estimate(value=value, low=low, high=high)
