"""Has-answer F1: the mean token F1 of the pairs with evidence.

SQuAD compares bags of words; here words are compared by position.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psy_agents.evaluation.metrics.kinds import EvidenceMetric, ratio


def has_answer_f1(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """Sum of the pairs' token F1 over pairs with evidence."""
    return ratio(sums["f1"], sums["answer_gold"])


HAS_ANSWER_F1 = EvidenceMetric(
    name="has_answer_f1",
    title="Has-answer F1",
    short="has-ans.",
    position=60,
    compute=has_answer_f1,
    in_summary=True,
)
