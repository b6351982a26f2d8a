"""Recall: the share of the gold positives that are predicted."""

from __future__ import annotations

import numpy as np

from psy_agents.evaluation.metrics.kinds import CountMetric, Counts


def recall(counts: Counts) -> np.ndarray:
    """TP / G."""
    return counts.hits / np.where(counts.gold > 0, counts.gold, np.nan)


RECALL = CountMetric(
    name="recall",
    title="Recall",
    short="R",
    position=20,
    interval="exact",
    compute=recall,
    ratio=lambda counts: (counts.hits, counts.gold),
    in_epochs=("macro", "micro"),
    in_latex_classes=True,
)
