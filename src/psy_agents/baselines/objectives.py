"""The baselines' values in an agent's objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psy_agents.evaluation.metrics.registry import OBJECTIVES

EVIDENCE_BASELINES = {
    "all_positive": "whole_post",
    "tfidf_logistic": "tfidf_logistic_sentence",
    "embedding_logistic": "embedding_logistic_sentence",
}
"""The evidence baseline that follows the same rule as a criteria baseline. An objective of both sides takes both from one rule."""


def baseline_objectives(table: Mapping[str, Mapping[str, float]], metrics: Sequence[str], evidence_weight: float) -> dict[str, float]:
    """The value of each baseline in an agent's objective: macro-F1, token-F1, or the weighted mean of both.

    Args:
        table: the result of `psy_agents.baselines.predict.baseline_table`.
        metrics: those of the agent's objective (`AgentSpec.objective_metrics`): one or both of `OBJECTIVES`.
        evidence_weight: weight of token-F1 in the mean.
    """
    if len(metrics) == 1:
        (metric,) = metrics
        return {name: scores[metric] for name, scores in table.items() if metric in scores}
    decisions, spans = OBJECTIVES["criteria"], OBJECTIVES["evidence"]
    return {
        name: (1 - evidence_weight) * table[name][decisions] + evidence_weight * table[evidence][spans]
        for name, evidence in EVIDENCE_BASELINES.items()
        if name in table
    }
