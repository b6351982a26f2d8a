"""Exact match: the share of pairs with evidence whose set of spans is the gold set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psy_agents.evaluation.metrics.kinds import EvidenceMetric, ratio


def exact_match_parts(sums: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs with exactly the gold spans, and pairs with evidence."""
    return sums["exact"], sums["answer_gold"]


EXACT_MATCH = EvidenceMetric(
    name="exact_match",
    summary_name="evidence_exact_match",
    title="Exact match",
    short="EM",
    position=50,
    interval="exact",
    compute=lambda sums: ratio(*exact_match_parts(sums)),
    ratio=exact_match_parts,
    in_summary=True,
)
