"""Sentence precision, recall and F1: sentences of the text that a span touches, summed over all pairs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psy_agents.evaluation.metrics.kinds import EvidenceMetric, ratio


def precision(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """TP / P."""
    return ratio(sums["sentence_both"], sums["sentence_predicted"])


def recall(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """TP / G."""
    return ratio(sums["sentence_both"], sums["sentence_gold"])


def f1(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """2 TP / (P + G)."""
    return ratio(2 * sums["sentence_both"], sums["sentence_predicted"] + sums["sentence_gold"])


SENTENCE_PRECISION = EvidenceMetric(name="sentence_precision", title="sentence precision", position=21, compute=precision)
SENTENCE_RECALL = EvidenceMetric(name="sentence_recall", title="sentence recall", position=22, compute=recall)
SENTENCE_F1 = EvidenceMetric(
    name="sentence_f1",
    title="sentence-F1",
    short="sent.-F1",
    position=23,
    hub_type="f1",
    compute=f1,
    in_summary=True,
)
