"""Token precision, recall and F1: words of the text, summed over all pairs.

A word is a run of word characters. It is gold or predicted if a span holds any of its characters. Words are summed over all pairs: a
model that predicts nothing scores 0. SQuAD's mean over pairs (Rajpurkar, Jia and Liang, "Know What You Don't Know", ACL 2018) would
score it with the share of pairs without evidence, about 0.85 here. `has_answer_f1` and `no_answer_accuracy` report SQuAD's view.
"""

from __future__ import annotations

from functools import partial

from psy_agents.evaluation.metrics.kinds import (
    EvidenceMetric,
    overlap_parts,
    precision_parts,
    recall_parts,
    unit_f1,
    unit_precision,
    unit_recall,
)

TOKEN_PRECISION = EvidenceMetric(
    name="token_precision",
    title="token precision",
    position=11,
    interval="wilson",
    compute=partial(unit_precision, "token"),
    ratio=partial(precision_parts, "token"),
)
TOKEN_RECALL = EvidenceMetric(
    name="token_recall",
    title="token recall",
    position=12,
    interval="wilson",
    compute=partial(unit_recall, "token"),
    ratio=partial(recall_parts, "token"),
)
TOKEN_F1 = EvidenceMetric(
    name="token_f1",
    title="token-F1",
    position=13,
    interval="f1",
    compute=partial(unit_f1, "token"),
    ratio=partial(overlap_parts, "token"),
    hub_type="f1",
    in_summary=True,
)
