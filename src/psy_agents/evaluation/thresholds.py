"""The decision threshold, chosen on validation."""

from __future__ import annotations

import numpy as np

CANDIDATES = 200


def best_threshold(labels: np.ndarray, probabilities: np.ndarray, criterion_index: np.ndarray) -> float:
    """Return the one threshold for all criteria that gives the highest macro-F1.

    At most 200 cut points are tried: midpoints between quantiles of the probabilities. Among equals the
    highest wins. Macro-F1 averages over criteria that have a positive.

    Args:
        labels, probabilities, criterion_index: (pairs,).
    """
    values = np.unique(np.quantile(probabilities, np.linspace(0, 1, CANDIDATES + 1)))
    cuts = (values[:-1] + values[1:]) / 2 if len(values) > 1 else values
    scores = np.zeros(len(cuts))
    with_positives = [i for i in np.unique(criterion_index) if labels[criterion_index == i].any()]
    for i in with_positives:
        chosen = criterion_index == i
        truth, predicted = labels[chosen].astype(bool), probabilities[chosen] >= cuts[:, None]
        scores += 2 * (predicted & truth).sum(1) / (predicted.sum(1) + truth.sum())
    return float(cuts[len(cuts) - 1 - int(np.argmax(scores[::-1]))])
