"""Where a model is no better than a baseline."""

from __future__ import annotations

from collections.abc import Sequence

from psy_agents.evaluation.metrics.registry import OBJECTIVES
from psy_agents.evaluation.results import Alarm, Evaluation


def alarms(evaluations: Sequence[Evaluation]) -> tuple[Alarm, ...]:
    """One alarm for each agent, metric and baseline whose figure the agent does not exceed.

    Macro-F1 of decisions that are derived from spans is not compared.
    """
    agents, baselines = ([e for e in evaluations if e.kind == kind] for kind in ("agent", "baseline"))
    return tuple(
        Alarm(agent=agent.name, metric=metric, value=value, baseline=baseline.name, baseline_value=figures[metric])
        for agent in agents
        for metric, value in _metrics(agent).items()
        for baseline in baselines
        if metric in (figures := _metrics(baseline)) and value <= figures[metric]
    )


def _metrics(evaluation: Evaluation) -> dict[str, float]:
    values = {}
    if evaluation.criterion is not None and not evaluation.criterion.derived:
        values[OBJECTIVES["criteria"]] = evaluation.criterion.macro.f1.value
    if evaluation.evidence is not None:
        values[OBJECTIVES["evidence"]] = evaluation.evidence.scores[OBJECTIVES["evidence"]].value
    return values
