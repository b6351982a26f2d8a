"""Alarms: agents that are no better than a baseline."""

from __future__ import annotations

from collections.abc import Sequence

from psy_agents.evaluation.results import Alarm, Evaluation


def alarms(evaluations: Sequence[Evaluation]) -> tuple[Alarm, ...]:
    """One alarm for each agent, metric and baseline whose value the agent does not exceed.

    Macro-F1 of decisions that are derived from spans is not compared.
    """
    agents, baselines = ([e for e in evaluations if e.kind == kind] for kind in ("agent", "baseline"))
    return tuple(
        Alarm(agent=agent.name, metric=metric, value=value, baseline=baseline.name, baseline_value=reached[metric])
        for agent in agents
        for metric, value in agent.objectives.items()
        for baseline in baselines
        if metric in (reached := baseline.objectives) and value <= reached[metric]
    )
