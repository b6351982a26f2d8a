"""F1: the harmonic mean of precision and recall."""

from __future__ import annotations

import numpy as np

from psy_agents.evaluation.metrics.kinds import CountMetric


def f1_of(hits: np.ndarray, predicted: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """2 TP / (P + G); NaN where G is 0."""
    return 2 * hits / (predicted + np.where(gold > 0, gold, np.nan))


F1 = CountMetric(
    name="f1",
    title="F1",
    position=30,
    interval="f1",
    hub_type="f1",
    compute=lambda counts: f1_of(counts.hits, counts.predicted, counts.gold),
    ratio=lambda counts: (counts.hits, counts.predicted + counts.gold - counts.hits),
    in_summary=("macro", "micro"),
    in_epochs=("macro", "micro", "criterion"),
    in_latex_classes=True,
)
