"""How well predicted criteria agree with the labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import average_precision_score

CALIBRATION_BINS = 15


def classification_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    predictions: np.ndarray,
    criterion_index: np.ndarray,
    criteria: Sequence[str],
) -> dict[str, float]:
    """Return macro, micro, per-criterion and calibration figures of (pairs,) arrays.

    Macro figures average over the criteria that have a positive in the labels: elsewhere recall is undefined.
    ``f1/<criterion>`` is given for those. AUPRC is average precision; ``brier`` the mean squared error (Brier
    1950); ``ece`` uses 15 bins of equal width (Guo et al. 2017, equation 3).
    """
    labels, predictions = labels.astype(bool), predictions.astype(bool)
    hits, predicted, gold = (
        np.bincount(criterion_index, flags, len(criteria))
        for flags in (labels & predictions, predictions, labels)
    )
    present = np.flatnonzero(gold > 0)
    f1 = 2 * hits[present] / (predicted[present] + gold[present])
    precision = np.divide(hits, predicted, out=np.zeros(len(criteria)), where=predicted > 0)[present]
    recall = hits[present] / gold[present]
    auprc = [
        average_precision_score(labels[criterion_index == i], probabilities[criterion_index == i]) for i in present
    ]
    total = predicted.sum() + gold.sum()
    metrics = {
        "macro_f1": _mean(f1),
        "macro_precision": _mean(precision),
        "macro_recall": _mean(recall),
        "macro_auprc": _mean(auprc),
        "micro_f1": float(2 * hits.sum() / total) if total else 0.0,
        "micro_precision": float(hits.sum() / predicted.sum()) if predicted.sum() else 0.0,
        "micro_recall": float(hits.sum() / gold.sum()) if gold.sum() else 0.0,
        "brier": float(np.mean((probabilities - labels) ** 2)),
        "ece": expected_calibration_error(labels, probabilities),
    }
    return metrics | {f"f1/{criteria[i]}": float(value) for i, value in zip(present, f1, strict=True)}


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean distance of confidence and accuracy over bins of the positive class's probability."""
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, probabilities - labels, CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else 0.0
