"""AUPRC: the area under the precision-recall curve, as average precision."""

from __future__ import annotations

import numpy as np

from psy_agents.evaluation.metrics.kinds import RankingMetric


def average_precision(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The sum over thresholds of (R_n - R_{n-1}) P_n, where the weight of a pair is the number of times it counts.

    R_n and P_n are recall and precision at the n-th highest distinct probability. There is no interpolation, as in
    scikit-learn's ``average_precision_score``. Each positive adds its weight to R_n - R_{n-1}, so the sum runs over
    positives.

    Args:
        labels, probabilities: (pairs,).
        weights: (n, pairs) whole numbers.

    Returns:
        (n,) NaN where no positive has a weight.
    """
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    positives = np.flatnonzero(labels[order])
    last_tied = len(ranked) - 1 - np.searchsorted(ranked[::-1], ranked[positives], side="left")
    weights = weights[:, order]
    positive_weights = weights[:, positives]
    hits = np.cumsum(positive_weights, axis=1)
    reached = np.cumsum(weights, axis=1)[:, last_tied]
    hits_at_threshold = hits[:, np.searchsorted(positives, last_tied, side="right") - 1]
    total = np.where(positive_weights.any(axis=1), positive_weights.sum(axis=1), np.nan)
    return np.sum(positive_weights * hits_at_threshold / np.maximum(reached, 1), axis=1) / total


AUPRC = RankingMetric(
    name="auprc",
    title="AUPRC",
    position=40,
    interval="wilson",
    hub_type="average_precision",
    compute=average_precision,
    in_summary=("macro",),
    in_epochs=("macro",),
)
