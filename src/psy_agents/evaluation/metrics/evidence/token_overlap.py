"""Token precision, recall and F1: words of the text, summed over all pairs.

A word is a run of word characters. It is gold or predicted if a span holds any of its characters. Words are summed over all pairs: a
model that predicts nothing scores 0. SQuAD's mean over pairs (Rajpurkar, Jia and Liang, "Know What You Don't Know", ACL 2018) would
score it with the share of pairs without evidence, about 0.85 here. `has_answer_f1` and `no_answer_accuracy` report SQuAD's view.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psy_agents.evaluation.metrics.kinds import EvidenceMetric, ratio


def precision(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """TP / P."""
    return ratio(sums["token_both"], sums["token_predicted"])


def recall(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """TP / G."""
    return ratio(sums["token_both"], sums["token_gold"])


def f1(sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """2 TP / (P + G)."""
    return ratio(2 * sums["token_both"], sums["token_predicted"] + sums["token_gold"])


TOKEN_PRECISION = EvidenceMetric(name="token_precision", title="token precision", position=11, compute=precision)
TOKEN_RECALL = EvidenceMetric(name="token_recall", title="token recall", position=12, compute=recall)
TOKEN_F1 = EvidenceMetric(
    name="token_f1",
    title="token-F1",
    position=13,
    hub_type="f1",
    compute=f1,
    in_summary=True,
)
