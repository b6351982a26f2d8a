"""AUPRC: the area under the precision-recall curve, as average precision."""

from __future__ import annotations

import numpy as np

from psy_agents.evaluation.metrics.kinds import RankingMetric


def average_precision(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The sum over thresholds of (R_n - R_{n-1}) P_n, where each pair counts as often as its weight says.

    R_n and P_n are recall and precision at the n-th highest different probability; nothing is interpolated, as in
    scikit-learn's ``average_precision_score``. The part of R_n - R_{n-1} that a positive adds is its weight, so the sum
    runs over positives.

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


AUPRC = RankingMetric(
    name="auprc",
    title="AUPRC",
    position=40,
    hub_type="average_precision",
    compute=average_precision,
    in_summary=("macro",),
    in_epochs=("macro",),
)
