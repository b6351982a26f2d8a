"""Precision: the share of the predicted positives that are gold positives."""

from __future__ import annotations

import numpy as np

from psy_agents.evaluation.metrics.kinds import CountMetric, Counts


def precision(counts: Counts) -> np.ndarray:
    """TP / P, and 0 where P is 0."""
    return np.where(counts.gold > 0, counts.hits / np.maximum(counts.predicted, 1), np.nan)


PRECISION = CountMetric(
    name="precision",
    title="Precision",
    short="P",
    position=10,
    interval="exact",
    compute=precision,
    ratio=lambda counts: (counts.hits, counts.predicted),
    in_epochs=("macro", "micro"),
    in_latex_classes=True,
)
