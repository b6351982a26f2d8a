"""Brier score: the mean squared difference of probability and label (Brier 1950, one class)."""

from __future__ import annotations

import numpy as np

from psy_agents.evaluation.metrics.kinds import ProbabilityMetric


def squared_errors(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(pairs, 1) of (pairs,)."""
    return ((probabilities.astype(np.float64) - labels) ** 2)[:, None]


BRIER = ProbabilityMetric(
    name="brier",
    title="Brier",
    position=30,
    higher_is_better=False,
    of_pairs=squared_errors,
    of_sums=lambda sums, pairs: sums[:, 0] / pairs,
    in_epochs=True,
)
