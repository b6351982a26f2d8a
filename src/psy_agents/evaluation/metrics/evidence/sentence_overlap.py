"""Sentence precision, recall and F1: sentences of the text that a span touches, summed over all pairs."""

from psy_agents.evaluation.metrics.kinds import unit_metrics

SENTENCE_PRECISION, SENTENCE_RECALL, SENTENCE_F1 = unit_metrics(
    "sentence", position=21, interval="wilson", short="sent.-F1", hub_type="f1", in_summary=True
)
