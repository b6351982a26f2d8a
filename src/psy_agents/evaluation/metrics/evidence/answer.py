"""Answer precision, recall and F1: the decision that a pair has evidence."""

from psy_agents.evaluation.metrics.kinds import unit_metrics

ANSWER_PRECISION, ANSWER_RECALL, ANSWER_F1 = unit_metrics("answer", position=31, interval="exact")
