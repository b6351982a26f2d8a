"""Comparisons of systems on the same test pairs: paired differences, permutation tests, and what such a test can find.

The test is approximate randomisation (Yeh, "More accurate tests for the statistical significance of result
differences", COLING 2000; recommended for F1 by Dror et al., "The Hitchhiker's Guide to Testing Statistical
Significance in NLP", ACL 2018), by resampling unit: pairs of one post, and posts of one author, are not independent. Holm's
correction ("A simple sequentially rejective multiple test procedure", 1979) treats the comparisons of agents with baselines in one
metric as one family, and those of agents with each other as another.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence, Set
from itertools import combinations

import numpy as np
import pandas as pd

from psy_agents.evaluation.bootstrap import chunk_rows, estimate_of
from psy_agents.evaluation.classification import mean_of_defined
from psy_agents.evaluation.evidence import COUNTS
from psy_agents.evaluation.intervals import Z, difference_interval, mean_interval, paired_correlation, ratio_interval
from psy_agents.evaluation.metrics.criteria.f1 import f1_of
from psy_agents.evaluation.metrics.kinds import ratio
from psy_agents.evaluation.metrics.registry import OBJECTIVES
from psy_agents.evaluation.results import Comparison, Estimate
from psy_agents.evaluation.scored_pairs import ScoredPairs

TOKEN_COLUMNS = [COUNTS.index(f"token_{part}") for part in ("both", "predicted", "gold")]
TOLERANCE = 1e-12
ALPHA, POWER = 0.05, 0.8
"""The level of a family of tests, and the power for which `Comparison.detectable` is computed (Card et al. 2020)."""


def compare(
    predictions: Mapping[str, pd.DataFrame],
    texts: Mapping[str, str],
    criteria: Sequence[str],
    *,
    baselines: Collection[str] = (),
    units: Mapping[str, Hashable] | None = None,
    permutations: int = 10_000,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Test the differences of systems in macro-F1 of decisions and in token-F1 of spans: agents with each other and with baselines.

    Decisions derived from spans are not compared, nor is a metric without gold positives.

    Args:
        predictions: the predictions table of each system, by its name.
        texts: the text of each post, by post_id.
        criteria: ids of the criteria.
        baselines: the names of systems that are baselines, which are not compared with each other.
        units: the resampling unit of each post, by post_id; None: each post is one.

    Raises:
        ValueError: the tables differ in their pairs, their order or their annotation, or see
            `ScoredPairs.from_table`.
    """
    if len(predictions) < 2:
        return ()
    systems = {name: ScoredPairs.from_table(table, texts, criteria, units) for name, table in predictions.items()}
    _check_same_pairs(predictions, systems)
    of_posts = next(iter(systems.values())).units
    comparisons = []
    for metric, counts in (
        (OBJECTIVES["criteria"], _decision_counts(systems)),
        (OBJECTIVES["evidence"], _token_counts(systems)),
    ):
        same = {(a, b) for a, b in combinations(counts, 2) if _same_answers(metric, systems[a], systems[b])}
        agents, others = ([name for name in counts if (name in baselines) == chosen] for chosen in (False, True))
        options = (metric, counts, same, of_posts, permutations, seed)
        comparisons += _compare([(agent, baseline) for agent in agents for baseline in others], True, *options)
        comparisons += _compare(list(combinations(agents, 2)), False, *options)
    return tuple(comparisons)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down correction: (m,) adjusted p-values, which do not decrease in the order of p."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def detectable_difference(difference: Estimate, tests: int) -> float | None:
    """The smallest true difference that a two-sided test of this size and variance finds with a power of 80 %.

    (z_(1 - alpha / 2) + z_0.8) standard errors, with the standard error from the width of the interval, and alpha = 0.05 / ``tests``, the
    level that Holm's correction asks of the smallest p of a family. For the question see Card et al., "With Little Power Comes
    Great Responsibility", EMNLP 2020; they simulate where this is a normal approximation.

    Returns:
        None without an interval, and where not even a difference of 1, the largest there is, would be found so often.
    """
    from scipy.special import ndtri

    if difference.low is None or difference.high is None:
        return None
    error = (difference.high - difference.low) / (2 * Z)
    found = float((ndtri(1 - ALPHA / (2 * tests)) + ndtri(POWER)) * error)
    return found if found <= 1 else None


def f1_differences(
    first: np.ndarray, second: np.ndarray, units: np.ndarray, *, may_differ: Set[int] | None = None
) -> tuple[Estimate | None, list[Estimate | None]]:
    """The paired difference of two systems in the mean F1 of the classes with a gold positive, and in the F1 of each class.

    Args:
        first, second: (3, posts, classes) of each system: both, predicted, gold. ``gold`` is the same.
        units: (posts,) the resampling unit of each post.
        may_differ: the classes in which both could differ on other posts; they are the same in all others by construction. None: all.

    Returns:
        first minus second; None where no pair is positive.
    """
    f1 = np.stack([f1_of(*counts.sum(axis=1)) for counts in (first, second)])  # (systems, classes)
    values = f1[0] - f1[1]
    present = np.flatnonzero(~np.isnan(values))
    if not len(present):
        return None, [None] * len(values)
    terms = [_unit_terms(counts, units) for counts in (first, second)]
    ends = dict.fromkeys(present, (0.0, 0.0))
    for number in present if may_differ is None else sorted(may_differ & set(present)):
        own = [_f1_interval(counts[:, :, number], units) for counts in (first, second)]
        size = (first[1:, :, number].sum() + second[1:, :, number].sum()) / 2  # Predicted and gold, the mean of both systems.
        positives = np.bincount(units, first[2, :, number])
        typical = np.sqrt((positives**2).sum() / (positives > 0).sum())
        disagreement = min((2 - f1[:, number].mean()) * typical / size, 1.0)  # Of F1 where only one system finds a typical unit.
        correlation = paired_correlation(terms[0][:, number], terms[1][:, number], disagreement)
        ends[number] = difference_interval(f1[0, number], own[0], f1[1, number], own[1], correlation)
    both = np.array([ends[number] for number in present]).T
    mean = float(values[present].mean())
    whole = mean_interval(mean, values[present], both, (terms[0] - terms[1])[:, present])
    return estimate_of(mean, whole), [estimate_of(value, ends.get(number)) for number, value in enumerate(values)]


def _unit_terms(counts: np.ndarray, units: np.ndarray) -> np.ndarray:
    """(units, classes) what each unit adds to F1, linearised about its value: (2 TP - F1 (P + G)) / sum of P + G; 0 for a class of none."""
    both, size = counts[0], counts[1] + counts[2]
    terms = ratio(2 * both - ratio(2 * both.sum(axis=0), size.sum(axis=0)) * size, np.broadcast_to(size.sum(axis=0), size.shape))
    summed = np.zeros((int(units.max()) + 1, size.shape[1]))
    np.add.at(summed, units, terms)
    return summed


def _f1_interval(counts: np.ndarray, units: np.ndarray) -> tuple[float, float]:
    """From (3, posts): both, predicted, gold."""
    both, predicted, gold = counts
    return ratio_interval("f1", both, predicted + gold - both, units)


def _check_same_pairs(predictions: Mapping[str, pd.DataFrame], systems: Mapping[str, ScoredPairs]) -> None:
    names = list(systems)
    for name in names[1:]:
        a, b = systems[names[0]], systems[name]
        same_ids = predictions[names[0]]["post_id"].tolist() == predictions[name]["post_id"].tolist()
        if not (
            same_ids
            and np.array_equal(a.criterion, b.criterion)
            and np.array_equal(a.labels, b.labels)
            and np.array_equal(a.known, b.known)
            and a.gold == b.gold
        ):
            raise ValueError(f"{names[0]} and {name} do not predict the same pairs in the same order.")


def _same_answers(metric: str, a: ScoredPairs, b: ScoredPairs) -> bool:
    return np.array_equal(a.predicted, b.predicted) if metric == OBJECTIVES["criteria"] else a.spans == b.spans


def _decision_counts(systems: Mapping[str, ScoredPairs]) -> dict[str, np.ndarray]:
    counts = {name: pairs.decision_counts()[:3] for name, pairs in systems.items() if not pairs.derived}
    return {name: count for name, count in counts.items() if count[2].any()}


def _token_counts(systems: Mapping[str, ScoredPairs]) -> dict[str, np.ndarray]:
    """(3, posts, 1) the number of words that are both predicted and gold, predicted, and gold, for each system with spans."""
    with_spans = {name: pairs for name, pairs in systems.items() if pairs.spans is not None}
    if not with_spans:
        return {}
    scorer = next(iter(with_spans.values())).evidence_scorer()
    counts = {name: pairs.sum_by_post(scorer.counts(pairs.spans))[:, TOKEN_COLUMNS].T[:, :, None] for name, pairs in with_spans.items()}
    return {name: count for name, count in counts.items() if count[2].any()}


def _compare(
    pairs: Sequence[tuple[str, str]],
    with_baseline: bool,
    metric: str,
    counts: Mapping[str, np.ndarray],
    same: Collection[tuple[str, str]],
    units: np.ndarray,
    permutations: int,
    seed: int,
) -> list[Comparison]:
    """Compare pairs of systems in the mean F1 of their classes, as one family.

    Args:
        counts: (3, posts, classes) of each system: both, predicted, gold.
        same: the pairs of systems that have the same answers.
    """
    if not pairs:
        return []
    p_values = _p_values(pairs, counts, units, permutations, seed)
    found = []
    for (a, b), p_value, p_holm in zip(pairs, p_values, holm(p_values), strict=True):
        difference, _ = f1_differences(counts[a], counts[b], units)
        found.append(
            Comparison(
                metric=metric,
                first=a,
                second=b,
                with_baseline=with_baseline,
                difference=difference,
                p_value=p_value,
                p_holm=p_holm,
                better=bool(difference.value > 0 and p_holm <= ALPHA),
                worse=bool(difference.value < 0 and p_holm <= ALPHA),
                detectable=detectable_difference(difference, len(pairs)),
                same_answers=(a, b) in same or (b, a) in same,
                permutations=permutations,
            )
        )
    return found


def _p_values(
    pairs: Sequence[tuple[str, str]], counts: Mapping[str, np.ndarray], units: np.ndarray, permutations: int, seed: int
) -> np.ndarray:
    """(pairs,) two-sided: (1 + permutations with at least the observed difference) / (1 + permutations)."""
    place = {name: number for number, name in enumerate(counts)}
    stacked = np.stack(list(counts.values()))  # (systems, 3, posts, classes)
    rows, n_units = chunk_rows(_width(stacked)), int(units.max()) + 1
    total = stacked.sum(axis=2)[:, :, None]
    f1 = _mean_f1(total)[:, 0]
    first, second = np.array([(place[a], place[b]) for a, b in pairs]).T
    observed = np.abs(f1[first] - f1[second])
    generator = np.random.default_rng(seed)
    at_least_observed = np.zeros(len(pairs), dtype=np.int64)
    for start in range(0, permutations, rows):
        swapped = generator.integers(2, size=(min(rows, permutations - start), n_units), dtype=np.int8).astype(np.float64)[:, units]
        swapped_sums = swapped @ stacked  # (systems, 3, permutations, classes)
        for number, (a, b) in enumerate(zip(first, second, strict=True)):
            exchange = swapped_sums[b] - swapped_sums[a]
            difference = np.abs(_mean_f1(total[a] + exchange) - _mean_f1(total[b] - exchange))
            at_least_observed[number] += (difference >= observed[number] - TOLERANCE).sum()
    return (1 + at_least_observed) / (1 + permutations)


def _class_f1(sums: np.ndarray) -> np.ndarray:
    """F1 of each class, NaN without a gold positive: (..., n, classes), from sums (..., 3, n, classes)."""
    hits, predicted, gold = np.moveaxis(sums, -3, 0)
    return f1_of(hits, predicted, gold)


def _mean_f1(sums: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes that have a gold positive: (..., n)."""
    return mean_of_defined(_class_f1(sums))


def _width(stacked: np.ndarray) -> int:
    systems, parts, n_posts, classes = stacked.shape
    return max(n_posts, systems * parts * classes)
