"""Has-answer F1: the mean token F1 of the pairs with evidence.

SQuAD compares bags of words; here words are compared by position.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psy_agents.evaluation.metrics.kinds import EvidenceMetric, ratio


def has_answer_f1_parts(sums: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the pairs' token F1, and pairs with evidence."""
    return sums["f1"], sums["answer_gold"]


HAS_ANSWER_F1 = EvidenceMetric(
    name="has_answer_f1",
    title="Has-answer F1",
    short="has-ans.",
    position=60,
    interval="wilson",
    compute=lambda sums: ratio(*has_answer_f1_parts(sums)),
    ratio=has_answer_f1_parts,
    in_summary=True,
)
