"""Sentence precision, recall and F1: sentences of the text that a span touches, summed over all pairs."""

from __future__ import annotations

from functools import partial

from psy_agents.evaluation.metrics.kinds import EvidenceMetric, unit_f1, unit_precision, unit_recall

SENTENCE_PRECISION = EvidenceMetric(
    name="sentence_precision", title="sentence precision", position=21, compute=partial(unit_precision, "sentence")
)
SENTENCE_RECALL = EvidenceMetric(name="sentence_recall", title="sentence recall", position=22, compute=partial(unit_recall, "sentence"))
SENTENCE_F1 = EvidenceMetric(
    name="sentence_f1",
    title="sentence-F1",
    short="sent.-F1",
    position=23,
    hub_type="f1",
    compute=partial(unit_f1, "sentence"),
    in_summary=True,
)
