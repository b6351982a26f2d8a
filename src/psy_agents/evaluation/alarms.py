"""Alarms: agents that are not shown to be better than a baseline."""

from __future__ import annotations

from collections.abc import Sequence

from psy_agents.evaluation.results import Alarm, Comparison


def alarms(comparisons: Sequence[Comparison]) -> tuple[Alarm, ...]:
    """One alarm for each comparison of an agent with a baseline in which the agent is not shown to be better."""
    return tuple(
        Alarm(
            agent=each.first,
            metric=each.metric,
            baseline=each.second,
            difference=each.difference,
            p_holm=each.p_holm,
            worse=each.worse,
            same_answers=each.same_answers,
        )
        for each in comparisons
        if each.with_baseline and not each.better
    )
