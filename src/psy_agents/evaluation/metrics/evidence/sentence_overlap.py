"""Sentence precision, recall and F1: sentences of the text that a span touches, summed over all pairs."""

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

SENTENCE_PRECISION = EvidenceMetric(
    name="sentence_precision",
    title="sentence precision",
    position=21,
    interval="wilson",
    compute=partial(unit_precision, "sentence"),
    ratio=partial(precision_parts, "sentence"),
)
SENTENCE_RECALL = EvidenceMetric(
    name="sentence_recall",
    title="sentence recall",
    position=22,
    interval="wilson",
    compute=partial(unit_recall, "sentence"),
    ratio=partial(recall_parts, "sentence"),
)
SENTENCE_F1 = EvidenceMetric(
    name="sentence_f1",
    title="sentence-F1",
    position=23,
    interval="f1",
    compute=partial(unit_f1, "sentence"),
    ratio=partial(overlap_parts, "sentence"),
    short="sent.-F1",
    hub_type="f1",
    in_summary=True,
)
