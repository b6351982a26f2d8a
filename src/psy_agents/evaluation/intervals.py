"""95 % intervals of metrics, honest where a metric is near 0 or 1 and where few pairs are positive.

Each interval holds its own estimate. Coverage is simulated by ``benchmarks/coverage.py``; docs/reference/metrics.md quotes it.

A ratio of sums, such as recall, has the interval of a binomial proportion with an *effective sample size* (Korn and Graubard,
"Confidence Intervals for Proportions with Small Expected Number of Positive Counts Estimated from Survey Data", Survey Methodology
24, 1998): the size of independent cases with the same variance. Cases of one resampling unit, such as the words and pairs of a post or
the posts of an author, count as less than as many independent ones.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

CONFIDENCE_LEVEL = 0.95
TAIL = (1 - CONFIDENCE_LEVEL) / 2
Z = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""
TOLERANCE = 1e-12
Interval = tuple[float, float]
UNKNOWN: Interval = (0.0, 1.0)
"""The interval of a ratio without any case."""


def sample_deviation(values: Sequence[float]) -> float | None:
    """The sample's standard deviation (n - 1); None of fewer than two values, which show no spread."""
    return statistics.stdev(values) if len(values) > 1 else None


def effective_size(part: np.ndarray, whole: np.ndarray, unit: np.ndarray) -> float:
    """The number of independent cases that have the variance of a ratio of sums, adjusted to the degrees of freedom of the units.

    With the ratio p, the linearised variance v is the sum over units of (part - p whole)^2, divided by the square of the sum of whole;
    the size is p (1 - p) / v. Units never make v smaller than rows would. Where the variance is 0, at a ratio of 0 or 1, all cases
    of a unit count as one (Kish, "Survey Sampling", 1965, section 5.4, with a correlation of 1 within units). The adjustment is
    (t_n-1 / t_d)^2 with n rows and d + 1 units (Korn and Graubard 1998); it is 1 where each unit is one row.

    Args:
        part, whole: (rows,) the terms of both sums; the sum of ``whole`` is positive.
        unit: (rows,) the resampling unit of each row, a whole number.
    """
    from scipy.special import stdtrit  # Not at the top: every command imports this module.

    counted = whole > 0
    part, whole, unit = part[counted], whole[counted], unit[counted]
    total = whole.sum()
    value = part.sum() / total
    residuals = part - value * whole
    squares = max((residuals**2).sum(), (np.bincount(unit, residuals) ** 2).sum())
    if squares > TOLERANCE * total:
        size = value * (1 - value) * total**2 / squares
    else:
        size = total**2 / (np.bincount(unit, whole) ** 2).sum()
    rows, units = len(whole), len(np.unique(unit))
    if rows == units:
        return float(size)
    return float(size * (stdtrit(rows - 1, 1 - TAIL) / stdtrit(max(units - 1, 1), 1 - TAIL)) ** 2)


def exact_interval(value: float, size: float) -> Interval:
    """Clopper and Pearson's interval ("The Use of Confidence or Fiducial Limits", Biometrika 1934), also for a size that is not whole.

    It holds the truth in at least 95 % of samples, however rare the event: 0 of 25 gives [0, 0.137].
    """
    from scipy.special import betaincinv

    hits = value * size
    low = 0.0 if value <= 0 else float(betaincinv(hits, size - hits + 1, TAIL))
    high = 1.0 if value >= 1 else float(betaincinv(hits + 1, size - hits, 1 - TAIL))
    return low, high


def wilson_interval(value: float, size: float) -> Interval:
    """Wilson's score interval ("Probable Inference", Journal of the American Statistical Association 1927)."""
    centre = (value + Z**2 / (2 * size)) / (1 + Z**2 / size)
    half = Z / (1 + Z**2 / size) * np.sqrt(value * (1 - value) / size + Z**2 / (4 * size**2))
    return float(min(max(centre - half, 0.0), value)), float(max(min(centre + half, 1.0), value))


def f1_interval(overlap: float, size: float) -> Interval:
    """Wilson's interval of the overlap J = TP / (TP + FP + FN), mapped to F1 = 2 J / (1 + J).

    Given the number of cases that are predicted or gold, TP is binomial with J (Lam, Gopal and Qian, "Confidence Intervals for the F1
    Score: A Comparison of Four Methods", 2023, the indirect Wilson method).
    """
    return _f1_ends(wilson_interval(overlap, size))


def exact_f1_interval(overlap: float, size: float) -> Interval:
    """Clopper and Pearson's interval of the overlap, mapped to F1: wider than `f1_interval`, as a mean of many rare criteria needs it."""
    return _f1_ends(exact_interval(overlap, size))


def _f1_ends(overlap: Interval) -> Interval:
    low, high = overlap
    return 2 * low / (1 + low), 2 * high / (1 + high)


RATIO_INTERVALS: dict[str, Callable[[float, float], Interval]] = {
    "exact": exact_interval,
    "wilson": wilson_interval,
    "f1": f1_interval,
}


def ratio_interval(method: str, part: np.ndarray, whole: np.ndarray, unit: np.ndarray) -> Interval:
    """The interval of a ratio of sums, of the F1 of an overlap with ``f1``. For the arguments see `effective_size`."""
    if whole.sum() <= 0:
        return UNKNOWN
    return RATIO_INTERVALS[method](*ratio_and_size(part, whole, unit))


def ratio_and_size(part: np.ndarray, whole: np.ndarray, unit: np.ndarray) -> tuple[float, float]:
    """A ratio of sums and its effective size. For the arguments see `effective_size`."""
    return min(float(part.sum() / whole.sum()), 1.0), effective_size(part, whole, unit)


def ranking_interval(value: float, draws: np.ndarray, positives: np.ndarray, unit: np.ndarray) -> Interval:
    """Wilson's interval of an area under the precision-recall curve, with the positives as cases.

    Boyd, Eng and Page, "Area under the Precision-Recall Curve: Point Estimates and Confidence Intervals", ECML PKDD 2013,
    find intervals of this kind to hold the truth, and bootstrap intervals not to. A variance over resamples that is larger
    than the binomial one makes the size smaller.

    Args:
        draws: (resamples,) the value in each resample, NaN where it is undefined.
        positives: (rows,) the number of positives.
        unit: (rows,) the resampling unit of each row.
    """
    by_unit = np.bincount(unit, positives)
    size = by_unit.sum() ** 2 / (by_unit**2).sum()
    variance = np.nanvar(draws) if (~np.isnan(draws)).sum() > 1 else 0.0
    if variance > TOLERANCE and 0 < value < 1:
        size = min(size, value * (1 - value) / variance)
    return wilson_interval(min(value, 1.0), size)


def mean_interval(value: float, values: np.ndarray, ends: np.ndarray, draws: np.ndarray, unknown: np.ndarray | None = None) -> Interval:
    """The interval of the mean of several estimates from the interval of each: the recovery of variances.

    Zou, Huang and Zhang, "A note on confidence interval estimation for a linear function of binomial proportions", Computational
    Statistics and Data Analysis 2009; for correlated estimates Zou, "Toward using confidence intervals to compare correlations",
    Psychological Methods 2007.

    Args:
        value: the mean.
        values: (k,) its terms.
        ends: (2, k) the lower and the upper ends.
        draws: (rows, k) the terms in each resample, or what each unit adds to them, for the correlations; a term that does not
            vary has none.
        unknown: (k,) terms of which nothing is known, such as the precision of a criterion that is never predicted: each may be
            anything, so its gaps are added, not their squares. None: there is none.
    """
    correlation = _correlation(draws)
    unknown = np.zeros(len(values), dtype=bool) if unknown is None else unknown

    def gap(gaps: np.ndarray) -> float:
        of_known = np.where(unknown, 0.0, gaps)
        return float(np.sqrt(max(of_known @ correlation @ of_known, 0.0)) + gaps[unknown].sum()) / len(gaps)

    return float(value - gap(values - ends[0])), float(value + gap(ends[1] - values))


def _correlation(draws: np.ndarray) -> np.ndarray:
    """(k, k) over rows (rows, k); a term that does not vary has none with another."""
    correlation = pd.DataFrame(draws).corr(min_periods=2).fillna(0.0).to_numpy(copy=True)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def difference_interval(first: float, first_ends: Interval, second: float, second_ends: Interval, correlation: float) -> Interval:
    """The interval of a paired difference, from the interval of each value and their correlation (Zou 2007).

    Newcombe's method for paired proportions ("Improved confidence intervals for the difference between binomial proportions based on
    paired data", Statistics in Medicine 1998) is of this form.
    """

    def gap(own: float, others: float) -> float:
        return float(np.sqrt(max(own**2 + others**2 - 2 * correlation * own * others, 0.0)))

    below = gap(first - first_ends[0], second_ends[1] - second)
    above = gap(first_ends[1] - first, second - second_ends[0])
    return first - second - below, first - second + above


def paired_correlation(first: np.ndarray, second: np.ndarray, disagreement: float) -> float:
    """The correlation of two values from what each unit adds to them, with half a unit more that only one of them finds, for each.

    Two systems that agree on all posts seen may still differ on others: a correlation of 1 would make the interval of their difference
    nearly empty. Half a unit in each cell of the paired table is Agresti and Min's adjustment ("Simple improved confidence intervals for
    comparing matched proportions", Statistics in Medicine 2005); Newcombe's method has a continuity correction in its place.

    Args:
        first, second: (units,) the linearised terms; each sums to 0.
        disagreement: what a unit adds to one value and not to the other if only one finds it; positive.
    """
    added = disagreement**2 / 2
    return float((first @ second) / np.sqrt((first @ first + added) * (second @ second + added)))


def bootstrap_interval(value: float, draws: np.ndarray) -> Interval | None:
    """The percentile interval of the resamples, moved by the difference of the value and their mean.

    A statistic of small counts is often larger or smaller in resamples than in the data (Efron and Tibshirani, "An Introduction to the
    Bootstrap", 1993, section 10.2); the move takes this bias off, so the interval lies about the value.

    Returns:
        None if no resample defines the statistic, or if it is the same in all: then the data say nothing of its variance.
    """
    defined = draws[~np.isnan(draws)]
    if not len(defined) or np.ptp(defined) <= TOLERANCE:
        return None
    low, high = np.quantile(defined, (TAIL, 1 - TAIL)) + value - defined.mean()
    return float(min(low, value)), float(max(high, value))


def biased_interval(value: float, draws: np.ndarray) -> Interval | None:
    """The interval of an error that chance makes larger, such as a sum of absolute values: the expected calibration error.

    The data's own value is already too large on average, by about as much as the mean of the resamples exceeds it. So the lower end
    is that of the basic bootstrap interval, which takes the bias off twice (Davison and Hinkley, "Bootstrap Methods and their
    Application", 1997, section 2.4), and not below 0. The upper end takes it off once.
    """
    ends = bootstrap_interval(value, draws)
    if ends is None:
        return None
    high = np.quantile(draws[~np.isnan(draws)], 1 - TAIL)
    return float(min(max(2 * value - high, 0.0), value)), ends[1]
