"""The expected time and disk space of a run of several stages and agents, as the pipeline `budget` shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import optuna
from pydantic import Field, FiniteFloat
from rich.filesize import decimal

from psy_agents.files.schema import Schema
from psy_agents.hpo.config import RefitConfig, StageConfig
from psy_agents.hpo.estimate import Pace, best_pace, duration, estimate_stage
from psy_agents.hpo.survival import pruned_share
from psy_agents.hpo.workers.executor import worker_count


class PlannedStage(Schema):
    """One stage of one agent."""

    agent: str
    stage: str
    trials: int = Field(description="A lower bound where spend is epochs.")
    spend: Literal["trials", "epochs"]
    epochs: int
    pruned_share: FiniteFloat = Field(description="Share of the epochs that the stage's pruner saved in earlier studies.")
    hours: tuple[FiniteFloat, FiniteFloat] | None = Field(description="Expected hours at the quartiles of the measured seconds per epoch.")
    disk_bytes: int | None


class Plan(Schema):
    """The stages of a run and their sums. The sums leave out agents without a measured epoch on this corpus."""

    stages: tuple[PlannedStage, ...]
    trials: int
    hours: tuple[FiniteFloat, FiniteFloat]
    disk_bytes: int
    measured_in: dict[str, str] = Field(description="By agent: the study in which its epochs were measured.")
    not_measured: tuple[str, ...]

    def sentence(self) -> str:
        """The sums as one line."""
        least = "at least " if any(stage.spend == "epochs" for stage in self.stages) else ""
        if not self.measured_in:
            return (
                f"{least}{self.trials:,} trials; no epoch has been measured on this corpus yet: run stage 0 of an agent to estimate "
                "its time"
            )
        saved = "; what pruning saves is counted as in earlier stages" if any(stage.pruned_share for stage in self.stages) else ""
        rest = f"; not measured yet, and left out: {', '.join(self.not_measured)}" if self.not_measured else ""
        return f"{least}{self.trials:,} trials and the refits, {duration(*self.hours)}, {decimal(self.disk_bytes)} of weights{saved}{rest}"


def plan(
    studies: Sequence[optuna.Study],
    stages: Mapping[str, Sequence[StageConfig]],
    refit: RefitConfig,
    data_hash: str,
    settings_hash: str,
) -> Plan:
    """Sum the stages of each agent and its refit. Finished trials count as well.

    Args:
        stages: by agent, in their order. The refit trains as many epochs as the last stage.
    """
    planned, measured, missing = [], {}, []
    for agent, configs in stages.items():
        pace = best_pace(studies, agent, data_hash, settings_hash)
        if pace is None:
            missing.append(agent)
        else:
            measured[agent] = pace.study
        agents = [config.of_agent(agent) for config in configs]
        for config in agents:
            if config.n_trials is not None:
                planned.append(_planned(agent, config, pace, pruned_share(studies, agent, data_hash, settings_hash, config)))
        runs, finals = refit.confirming_runs(agents[-1].top_k), refit.final_trainings
        trainings = {"name": "refit", "n_trials": runs + finals, "spend": "trials", "keep_checkpoints": finals}
        planned.append(_planned(agent, agents[-1].model_copy(update=trainings), pace, 0.0))
    known = [stage for stage in planned if stage.hours is not None]
    return Plan(
        stages=planned,
        trials=sum(stage.trials for stage in planned if stage.stage != "refit"),
        hours=(sum(stage.hours[0] for stage in known), sum(stage.hours[1] for stage in known)),
        disk_bytes=sum(stage.disk_bytes or 0 for stage in known),
        measured_in=measured,
        not_measured=missing,
    )


def _planned(agent: str, stage: StageConfig, pace: Pace | None, saved: float) -> PlannedStage:
    fields = {
        "agent": agent, "stage": stage.name, "trials": stage.n_trials, "spend": stage.spend, "epochs": stage.epochs,
        "pruned_share": saved,
    }  # fmt: skip
    if pace is None:
        return PlannedStage(**fields, hours=None, disk_bytes=None)
    estimate = estimate_stage(
        pace,
        n_trials=stage.n_trials,
        done=0,
        epochs=stage.epochs,
        workers=worker_count(stage, pace.workers),
        pruned_share=saved,
        epochs_left=stage.epoch_budget,
        keep_checkpoints=stage.keep_checkpoints,
    )
    return PlannedStage(**fields, hours=(estimate.low_hours, estimate.high_hours), disk_bytes=estimate.disk_bytes)
