"""Decision thresholds, chosen on validation. A score at or above the threshold is a "yes"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

CANDIDATES = 200
NO_ANSWER_CANDIDATES = 50
ROUNDING = 1e-12


def best_threshold(
    labels: np.ndarray, probabilities: np.ndarray, criterion_index: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Return the one threshold for all criteria that gives the highest macro-F1.

    F1 can only rise when the threshold falls to the probability of a positive. The candidates are therefore the probabilities of
    positives: all of them, which makes the optimum exact, or 200 at equal steps of rank if there are more. The threshold lies halfway
    to the next lower probability; the highest of several optimal ones is chosen. Macro-F1 is the mean over the criteria that have a
    positive; without any positive the threshold is 0.5. Takes O(n log n) time.

    Args:
        labels, probabilities, criterion_index: (pairs,).
        weights: (pairs,) of each pair in the counts of F1; None: 1.
    """
    labels = labels.astype(bool)
    values = np.unique(probabilities)
    candidates = np.unique(probabilities[labels])
    if not len(candidates):
        return 0.5
    steps = np.linspace(0, len(candidates) - 1, min(len(candidates), CANDIDATES)).round().astype(int)
    candidates = candidates[steps]
    lower = values[np.maximum(np.searchsorted(values, candidates) - 1, 0)]
    halfway = (lower + candidates) / 2
    cuts = np.where(halfway > lower, halfway, candidates)  # Neighbouring floats have no midpoint.

    macro_f1 = np.zeros(len(cuts))
    for criterion in np.unique(criterion_index[labels]):
        chosen = criterion_index == criterion
        positives = chosen & labels
        predicted, _ = _at_least(cuts, probabilities, chosen, weights)
        hits, gold = _at_least(cuts, probabilities, positives, weights)
        macro_f1 += 2 * hits / (predicted + gold)
    return float(cuts[_last_maximum(macro_f1)])


def _at_least(
    cuts: np.ndarray, probabilities: np.ndarray, chosen: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, float]:
    """(cuts,) weight of the chosen pairs whose probability is at or above each cut, and the weight of all chosen pairs."""
    values = probabilities[chosen]
    if weights is None:
        return len(values) - np.searchsorted(np.sort(values), cuts), len(values)
    order = np.argsort(values)
    below = np.append(0.0, np.cumsum(weights[chosen][order]))
    return below[-1] - below[np.searchsorted(values[order], cuts)], float(below[-1])


def criterion_thresholds(
    labels: np.ndarray,
    probabilities: np.ndarray,
    criterion_index: np.ndarray,
    min_support: int,
    weights: np.ndarray | None = None,
) -> dict[int, float]:
    """The threshold of the highest F1 for each criterion with enough positives; see `best_threshold`.

    With few positives, the best threshold depends on chance, and is worse on other pairs than the pooled one
    (Fan and Lin, "A study on threshold selection for multi-label classification", 2007; Lipton, Elkan and Naryanaswamy,
    "Optimal thresholding of classifiers to maximize F1 measure", ECML PKDD 2014).

    Args:
        labels, probabilities, criterion_index: (pairs,) a pair may stand there several times, with another probability each.
        min_support: the fewest positive pairs with which a criterion has a separate threshold.
        weights: (pairs,) as for `best_threshold`; those of a pair that stands there several times sum to 1, and it counts once.

    Returns:
        Threshold by the criterion's index; criteria with too few positives are left out.
    """
    met = labels.astype(bool)
    counts = np.bincount(criterion_index[met], None if weights is None else weights[met])
    positives = np.rint(counts).astype(np.int64)
    chosen = {}
    for criterion in np.flatnonzero(positives >= max(1, min_support)).tolist():
        rows = criterion_index == criterion
        of_rows = None if weights is None else weights[rows]
        chosen[criterion] = best_threshold(labels[rows], probabilities[rows], criterion_index[rows], of_rows)
    return chosen


def best_no_answer_threshold(scores: np.ndarray, value_at: Callable[[float], float]) -> float:
    """Return the threshold on answer scores with the highest ``value_at``; the highest of several optimal ones.

    Args:
        scores: (pairs,) score of the best answer of each pair; at most 50 of them, at equal steps of rank, are tried.
        value_at: the objective when the pairs that score at least the given threshold are answered.
    """
    candidates = np.unique(scores)
    steps = np.linspace(0, len(candidates) - 1, min(len(candidates), NO_ANSWER_CANDIDATES)).round().astype(int)
    candidates = candidates[steps]
    return float(candidates[_last_maximum(np.array([value_at(float(candidate)) for candidate in candidates]))])


def _last_maximum(values: np.ndarray) -> int:
    """Index of the last of the highest values; those that differ by rounding, as sums of weights do, are equal."""
    return int(np.flatnonzero(values >= values.max() - ROUNDING)[-1])
