"""Exact match: the share of posts whose set of criteria is right."""

from __future__ import annotations

import numpy as np

from psy_agents.evaluation.metrics.kinds import Counts, PostMetric


def exact_match(counts: Counts) -> np.ndarray:
    """1 for a post with neither a missed nor a wrongly predicted criterion, else 0."""
    return ((counts.hits == counts.predicted) & (counts.hits == counts.gold)).astype(np.float64)


EXACT_MATCH = PostMetric(name="exact_match", title="Exact match", short="EM", position=10, interval="exact", compute=exact_match)
