"""Answer precision, recall and F1: the decision that a pair has evidence."""

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

ANSWER_PRECISION = EvidenceMetric(
    name="answer_precision",
    title="answer precision",
    position=31,
    interval="exact",
    compute=partial(unit_precision, "answer"),
    ratio=partial(precision_parts, "answer"),
)
ANSWER_RECALL = EvidenceMetric(
    name="answer_recall",
    title="answer recall",
    position=32,
    interval="exact",
    compute=partial(unit_recall, "answer"),
    ratio=partial(recall_parts, "answer"),
)
ANSWER_F1 = EvidenceMetric(
    name="answer_f1",
    title="answer-F1",
    position=33,
    interval="f1",
    compute=partial(unit_f1, "answer"),
    ratio=partial(overlap_parts, "answer"),
)
