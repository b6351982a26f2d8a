"""Brier score: the mean squared difference of probability and label (Brier 1950, one class)."""

from __future__ import annotations

import numpy as np

from psy_agents.evaluation.metrics.kinds import ProbabilityMetric


def squared_errors(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(pairs, 1) the squared error of each pair."""
    return ((probabilities.astype(np.float64) - labels) ** 2)[:, None]


BRIER = ProbabilityMetric(
    name="brier",
    title="Brier",
    position=30,
    interval="wilson",
    higher_is_better=False,
    per_pair=squared_errors,
    compute=lambda sums, pairs: sums[:, 0] / pairs,
    in_epochs=True,
)
