"""Token precision, recall and F1: words of the text, summed over all pairs.

A word is a run of word characters. It is gold or predicted if a span holds any of its characters. Words are summed over all pairs: a
model that predicts nothing scores 0. SQuAD's mean over pairs (Rajpurkar, Jia and Liang, "Know What You Don't Know", ACL 2018) would
score it with the share of pairs without evidence, about 0.85 here. `has_answer_f1` and `no_answer_accuracy` report SQuAD's view.
"""

from psy_agents.evaluation.metrics.kinds import unit_metrics

TOKEN_PRECISION, TOKEN_RECALL, TOKEN_F1 = unit_metrics("token", position=11, interval="wilson", hub_type="f1", in_summary=True)
