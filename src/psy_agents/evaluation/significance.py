"""Permutation tests: is one model better than another by more than chance?

The test is approximate randomisation (Yeh, "More accurate tests for the statistical significance of result
differences", COLING 2000; recommended for F1 by Dror et al., "The Hitchhiker's Guide to Testing Statistical
Significance in NLP", ACL 2018), by post: pairs of one post are not independent. Holm's correction treats all comparisons of one metric as
one family ("A simple sequentially rejective multiple test procedure", 1979).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from psy_agents.evaluation.bootstrap import as_estimate, bootstrap, chunk_rows
from psy_agents.evaluation.classification import mean_of_defined
from psy_agents.evaluation.evidence import COUNTS
from psy_agents.evaluation.metrics.criteria.f1 import f1_of
from psy_agents.evaluation.metrics.registry import OBJECTIVES
from psy_agents.evaluation.results import Comparison
from psy_agents.evaluation.scored_pairs import ScoredPairs

TOKEN_COLUMNS = [COUNTS.index(f"token_{part}") for part in ("both", "predicted", "gold")]
TOLERANCE = 1e-12


def compare(
    predictions: Mapping[str, pd.DataFrame],
    texts: Mapping[str, str],
    criteria: Sequence[str],
    *,
    permutations: int = 10_000,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Test the difference of every pair of systems in macro-F1 of decisions and in token-F1 of spans.

    Decisions derived from spans are not compared, nor is a metric without gold positives.

    Args:
        predictions: the predictions table of each system, by its name.
        texts: the text of each post, by post_id.
        criteria: ids of the criteria.
        resamples: number of resamples of posts for the difference's interval; both systems have the same resamples.

    Raises:
        ValueError: the tables differ in their pairs, their order or their annotation, or see
            `ScoredPairs.from_table`.
    """
    if len(predictions) < 2:
        return ()
    systems = {name: ScoredPairs.from_table(table, texts, criteria) for name, table in predictions.items()}
    _check_same_pairs(predictions, systems)
    comparisons = []
    for metric, counts in (
        (OBJECTIVES["criteria"], _decision_counts(systems)),
        (OBJECTIVES["evidence"], _token_counts(systems)),
    ):
        if len(counts) > 1:
            comparisons += _compare(metric, counts, permutations, resamples, seed)
    return tuple(comparisons)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down correction: (m,) adjusted p-values, which do not decrease in the order of p."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


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


def _compare(metric: str, counts: Mapping[str, np.ndarray], permutations: int, resamples: int, seed: int) -> list[Comparison]:
    """Compare every pair of systems in the mean F1 of their classes.

    Args:
        counts: (3, posts, classes) of each system: both, predicted, gold.
    """
    stacked = np.stack(list(counts.values()))  # (systems, 3, posts, classes)
    first, second = np.array(list(combinations(range(len(counts)), 2))).T

    def differences(weights: np.ndarray) -> dict[str, np.ndarray]:
        f1 = _mean_f1(weights @ stacked)
        return {"difference": (f1[first] - f1[second]).T}

    width = _width(stacked)
    estimated = bootstrap(differences, stacked.shape[2], resamples=resamples, seed=seed, width=width)["difference"]
    p_values = _p_values(stacked, first, second, permutations, seed)
    return [
        Comparison(
            metric=metric,
            first=a,
            second=b,
            difference=as_estimate(values),
            p_value=p_value,
            p_holm=p_holm,
            permutations=permutations,
        )
        for (a, b), values, p_value, p_holm in zip(combinations(counts, 2), estimated.T, p_values, holm(p_values), strict=True)
    ]


def _p_values(stacked: np.ndarray, first: np.ndarray, second: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """(comparisons,) two-sided: (1 + permutations with at least the observed difference) / (1 + permutations)."""
    n_posts, rows = stacked.shape[2], chunk_rows(_width(stacked))
    total = stacked.sum(axis=2)[:, :, None]
    f1 = _mean_f1(total)[:, 0]
    observed = np.abs(f1[first] - f1[second])
    generator = np.random.default_rng(seed)
    at_least_observed = np.zeros(len(first), dtype=np.int64)
    for start in range(0, permutations, rows):
        swapped = generator.integers(2, size=(min(rows, permutations - start), n_posts), dtype=np.int8).astype(np.float64)
        swapped_sums = swapped @ stacked  # (systems, 3, permutations, classes)
        for number, (a, b) in enumerate(zip(first, second, strict=True)):
            exchange = swapped_sums[b] - swapped_sums[a]
            difference = np.abs(_mean_f1(total[a] + exchange) - _mean_f1(total[b] - exchange))
            at_least_observed[number] += (difference >= observed[number] - TOLERANCE).sum()
    return (1 + at_least_observed) / (1 + permutations)


def _mean_f1(sums: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes that have a gold positive: (..., n), from sums (..., 3, n, classes)."""
    hits, predicted, gold = np.moveaxis(sums, -3, 0)
    return mean_of_defined(f1_of(hits, predicted, gold))


def _width(stacked: np.ndarray) -> int:
    systems, parts, n_posts, classes = stacked.shape
    return max(n_posts, systems * parts * classes)
