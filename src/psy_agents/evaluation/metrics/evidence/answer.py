"""Answer precision, recall and F1: the decision that a pair has evidence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psy_agents.evaluation.metrics.kinds import EvidenceMetric, ratio


def precision(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """TP / P."""
    return ratio(sums["answer_both"], sums["answer_predicted"])


def recall(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """TP / G."""
    return ratio(sums["answer_both"], sums["answer_gold"])


def f1(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """2 TP / (P + G)."""
    return ratio(2 * sums["answer_both"], sums["answer_predicted"] + sums["answer_gold"])


ANSWER_PRECISION = EvidenceMetric(name="answer_precision", title="answer precision", position=31, compute=precision)
ANSWER_RECALL = EvidenceMetric(name="answer_recall", title="answer recall", position=32, compute=recall)
ANSWER_F1 = EvidenceMetric(name="answer_f1", title="answer-F1", position=33, compute=f1)
