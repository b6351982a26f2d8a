"""What a run of several stages and agents will take, before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import optuna
from pydantic import Field, FiniteFloat
from rich.filesize import decimal

from psy_agents.files.schema import Schema
from psy_agents.hpo.budget import Pace, best_pace, duration, estimate
from psy_agents.hpo.config import RefitConfig, StageConfig
from psy_agents.hpo.workers.executor import worker_count


class PlannedStage(Schema):
    """One stage of one agent."""

    agent: str
    stage: str
    trials: int
    epochs: int
    hours: tuple[FiniteFloat, FiniteFloat] | None = Field(description="At the quartiles of measured seconds per epoch.")
    disk_bytes: int | None


class Plan(Schema):
    """A run in sum; agents of which no epoch has been measured on these data are left out of its sums."""

    stages: tuple[PlannedStage, ...]
    trials: int
    hours: tuple[FiniteFloat, FiniteFloat]
    disk_bytes: int
    measured_in: dict[str, str] = Field(description="The study in which an agent's epochs were measured.")
    not_measured: tuple[str, ...]

    def sentence(self) -> str:
        """The sums in words."""
        if not self.measured_in:
            return (
                f"{self.trials:,} trials; no epoch has been measured on these data yet: each stage tells its time once stage 0 of "
                f"its agent has run"
            )
        rest = f"; not measured yet, and left out: {', '.join(self.not_measured)}" if self.not_measured else ""
        return f"{self.trials:,} trials and the refits, {duration(*self.hours)}, {decimal(self.disk_bytes)} of weights{rest}"


def plan(
    studies: Sequence[optuna.Study],
    stages: Mapping[str, Sequence[StageConfig]],
    refit: RefitConfig,
    data_hash: str,
    settings_hash: str,
) -> Plan:
    """Add up the stages of each agent and its refit, as if nothing were done yet.

    Args:
        stages: of each agent, in their order; the refit trains as long as the last.
    """
    planned, measured, missing = [], {}, []
    for agent, configs in stages.items():
        pace = best_pace(studies, agent, data_hash, settings_hash)
        if pace is None:
            missing.append(agent)
        else:
            measured[agent] = pace.study
        agents = [config.of_agent(agent) for config in configs]
        planned += [_planned(agent, config, pace) for config in agents if config.n_trials is not None]
        runs, finals = refit.candidates * len(refit.fixed_seeds), refit.final_trainings
        confirming = agents[-1].model_copy(update={"name": "refit", "n_trials": runs + finals, "keep_checkpoints": finals})
        planned.append(_planned(agent, confirming, pace))
    known = [stage for stage in planned if stage.hours is not None]
    return Plan(
        stages=planned,
        trials=sum(stage.trials for stage in planned if stage.stage != "refit"),
        hours=(sum(stage.hours[0] for stage in known), sum(stage.hours[1] for stage in known)),
        disk_bytes=sum(stage.disk_bytes or 0 for stage in known),
        measured_in=measured,
        not_measured=missing,
    )


def _planned(agent: str, stage: StageConfig, pace: Pace | None) -> PlannedStage:
    told = {"agent": agent, "stage": stage.name, "trials": stage.n_trials, "epochs": stage.epochs}
    if pace is None:
        return PlannedStage(**told, hours=None, disk_bytes=None)
    budget = estimate(
        pace,
        n_trials=stage.n_trials,
        done=0,
        epochs=stage.epochs,
        workers=worker_count(stage, pace.workers),
        keep_checkpoints=stage.keep_checkpoints,
    )
    return PlannedStage(**told, hours=(budget.low_hours, budget.high_hours), disk_bytes=budget.disk_bytes)
