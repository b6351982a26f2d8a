"""How well predicted criteria agree with the labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CALIBRATION_BINS = 15


def classification_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    predictions: np.ndarray,
    criterion_index: np.ndarray,
    criteria: Sequence[str],
) -> dict[str, float]:
    """Return macro, micro, per-criterion and calibration figures of (pairs,) arrays, each between 0 and 1.

    With TP, P and G a criterion's pairs that are both, predicted and gold positive:

    - ``macro_precision``, ``macro_recall``, ``macro_f1``: the means of TP / P (0 where P is 0), TP / G and
      2 TP / (P + G) over the criteria that have a positive in the labels: elsewhere recall is undefined.
    - ``micro_precision``, ``micro_recall``, ``micro_f1``: the same of TP, P and G summed over all criteria.
    - ``macro_auprc``: the mean average precision over the same criteria; see `average_precision`.
    - ``brier``: the mean of (probability - label)^2 over all pairs (Brier 1950, one class).
    - ``ece``: see `expected_calibration_error`.
    - ``f1/<criterion>``: 2 TP / (P + G) of each criterion that has a positive in the labels.

    Args:
        labels: 0 or 1.
        probabilities: of label 1.
        predictions: 0 or 1, or bool.
        criterion_index: each pair's criterion as an index into ``criteria``.
        criteria: ids.
    """
    labels, predictions = labels.astype(bool), predictions.astype(bool)
    hits, predicted, gold = (
        np.bincount(criterion_index[flags], minlength=len(criteria)) for flags in (labels & predictions, predictions, labels)
    )
    present = np.flatnonzero(gold)
    precision, recall, f1 = scores_of_counts(hits[present], predicted[present], gold[present])
    auprc = [average_precision(labels[criterion_index == i], probabilities[criterion_index == i]) for i in present]
    metrics = {
        "macro_f1": _mean(f1),
        "macro_precision": _mean(precision),
        "macro_recall": _mean(recall),
        "macro_auprc": _mean(auprc),
        "micro_f1": _ratio(2 * hits.sum(), predicted.sum() + gold.sum()),
        "micro_precision": _ratio(hits.sum(), predicted.sum()),
        "micro_recall": _ratio(hits.sum(), gold.sum()),
        "brier": _mean((probabilities.astype(np.float64) - labels) ** 2),
        "ece": expected_calibration_error(labels, probabilities),
    }
    return metrics | {f"f1/{criteria[i]}": float(value) for i, value in zip(present, f1, strict=True)}


def scores_of_counts(hits: np.ndarray, predicted: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision TP / P (0 where P is 0), recall TP / G and F1 2 TP / (P + G) of counts; all NaN where G is 0."""
    positive = np.where(gold > 0, gold, np.nan)
    precision = np.where(gold > 0, hits / np.maximum(predicted, 1), np.nan)
    return precision, hits / positive, 2 * hits / (predicted + positive)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without NaN; NaN where nothing else is there."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=-1)
    return np.where(count > 0, np.where(defined, values, 0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def average_precision(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the precision-recall curve as a sum over thresholds of (R_n - R_{n-1}) P_n.

    R_n and P_n are recall and precision at the n-th highest different probability; nothing is interpolated,
    as in scikit-learn's ``average_precision_score``. The labels must hold a positive.
    """
    return float(weighted_average_precision(labels, probabilities, np.ones((1, len(labels))))[0])


def weighted_average_precision(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`average_precision` as if each pair stood there as often as its weight says.

    A positive's share of R_n - R_{n-1} is its own weight, so the sum runs over positives.

    Args:
        labels, probabilities: (pairs,).
        weights: (n, pairs) whole numbers.

    Returns:
        (n,) NaN where no positive has a weight.
    """
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    positives = np.flatnonzero(labels[order])
    last_of_ties = len(ranked) - 1 - np.searchsorted(ranked[::-1], ranked[positives], side="left")
    weights = weights[:, order]
    own = weights[:, positives]
    hits = np.cumsum(own, axis=1)
    reached = np.cumsum(weights, axis=1)[:, last_of_ties]
    hits_at_threshold = hits[:, np.searchsorted(positives, last_of_ties, side="right") - 1]
    total = np.where(own.any(axis=1), own.sum(axis=1), np.nan)
    return np.sum(own * hits_at_threshold / np.maximum(reached, 1), axis=1) / total


def calibration_bins(probabilities: np.ndarray) -> np.ndarray:
    """(pairs,) which of 15 bins of equal width holds each; a bin holds its lower edge, the last one also 1."""
    return np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Sum over 15 bins of equal width of (bin's share of the pairs) |share of positives - mean probability|.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3. Theirs bins the confidence
    in the predicted class; here the probability of label 1 is binned, so that overrating a rare criterion
    shows. The bins are those of `calibration_bins`.
    """
    if not len(labels):
        return 0.0
    gaps = np.bincount(calibration_bins(probabilities), probabilities.astype(np.float64) - labels, CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else 0.0
