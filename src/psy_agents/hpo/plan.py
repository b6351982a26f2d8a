"""The expected time and disk space of a run of several stages and agents, as the pipeline `budget` shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import optuna
from pydantic import Field, FiniteFloat
from rich.filesize import decimal

from psy_agents.agents.registry import AGENTS
from psy_agents.corpus.corpus import Corpus
from psy_agents.files.schema import Schema
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.disk import check_space
from psy_agents.hpo.estimate import Pace, best_pace, duration, estimate_stage, most_weights
from psy_agents.hpo.measurement import PaceMeter
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.hpo.study.identity import settings_hash
from psy_agents.hpo.study.store import read_studies
from psy_agents.hpo.survival import pruned_share
from psy_agents.hpo.workers.executor import worker_count
from psy_agents.training.config import TrainingSettings


class PlannedStage(Schema):
    """One stage of one agent."""

    agent: str
    stage: str
    trials: int | None = Field(description="A lower bound where spend is epochs; null: as many as start within the stage's timeout.")
    spend: Literal["trials", "epochs"]
    epochs: int
    pruned_share: FiniteFloat = Field(description="Share of the epochs that the stage's pruner saved in earlier studies.")
    hours: tuple[FiniteFloat, FiniteFloat] | None = Field(
        description="Expected hours at the quartiles of the measured seconds per epoch; where time alone ends the stage, that time, and "
        "with a last trial after it."
    )
    disk_bytes: int | None
    weights: int = Field(0, description="Trials whose weights are on disk at a time.")


class Plan(Schema):
    """The stages of a run and their sums. The sums leave out agents without a measured epoch on this corpus."""

    stages: tuple[PlannedStage, ...]
    trials: int
    hours: tuple[FiniteFloat, FiniteFloat]
    disk_bytes: int
    measured_in: dict[str, str] = Field(description="By agent: the study, or the timed steps, in which its epochs were measured.")
    timed: str | None = Field(None, description="What was timed on this device before the first trial; null: nothing.")
    not_measured: tuple[str, ...]

    def sentence(self) -> str:
        """The sums as one line."""
        trials = counted_trials(self.stages)
        if not self.measured_in:
            return (
                f"{trials}; no epoch has been measured on this corpus yet: run stage 0 of an agent to estimate "
                "its time"
            )
        saved = "; what pruning saves is counted as in earlier stages" if any(stage.pruned_share for stage in self.stages) else ""
        rest = f"; not measured yet, and left out: {', '.join(self.not_measured)}" if self.not_measured else ""
        timed = f" (measured in {self.timed}; early ends make it less)" if self.timed else ""
        return (
            f"{trials} and the refits, {duration(*self.hours)}{timed}, {decimal(self.disk_bytes)} of weights"
            f"{saved}{rest}"
        )


def counted_trials(stages: Sequence[PlannedStage]) -> str:
    """The trials of the stages as words: their number, and the hours of stages that time alone ends."""
    searches = [stage for stage in stages if stage.stage != "refit"]
    numbers = [stage.trials for stage in searches if stage.trials is not None]
    limits = [stage.hours[0] for stage in searches if stage.trials is None]
    least = "at least " if any(stage.spend == "epochs" for stage in searches) else ""
    parts = [f"{least}{sum(numbers):,} trials"] if numbers or not limits else []
    if limits:
        parts.append(f"as many trials as start within {duration(sum(limits), sum(limits)).removeprefix('about ')}")
    return ", and ".join(parts)


def plan_search(
    corpus: Corpus,
    stages: Sequence[StageConfig],
    refit: RefitConfig,
    settings: TrainingSettings,
    spaces: SearchSpaceConfig,
    paths: StoragePaths,
) -> Plan:
    """The plan of these stages for every agent: from its studies, or else from steps that are timed now (`PaceMeter`).

    Raises:
        UserError: the disk has no room for the weights.
    """
    meter = PaceMeter(corpus, settings, spaces, paths.measurements)
    known = corpus.fingerprint, settings_hash(settings)
    planned = plan(read_studies(paths.store), dict.fromkeys(AGENTS, stages), refit, *known, meter.measure)
    check_space(paths.checkpoints, planned.disk_bytes)
    return planned


def plan(
    studies: Sequence[optuna.Study],
    stages: Mapping[str, Sequence[StageConfig]],
    refit: RefitConfig | None,
    data_hash: str,
    settings: str,
    measure: Callable[[str, StageConfig, int], Pace | None] | None = None,
) -> Plan:
    """Sum the stages of each agent and its refit. Finished trials count as well.

    Args:
        stages: by agent, in their order. The refit trains as many epochs as the last stage.
        refit: None where the stages are not followed by one.
        measure: times steps of an agent in the space of a stage, for a run of so many epochs, where no study has a complete trial.
    """
    planned, measured, missing, timed = [], {}, [], []
    for agent, configs in stages.items():
        agents = [config.of_agent(agent) for config in configs]
        pace = best_pace(studies, agent, data_hash, settings, agents[-1].space)
        if pace is None and measure is not None:
            pace = measure(agent, agents[-1], sum(config.epochs * (config.n_trials or 0) for config in agents))
        if pace is None:
            missing.append(agent)
        else:
            measured[agent] = pace.study or pace.source
            timed += [pace] if pace.study is None else []
        for config in agents:
            saved = pruned_share(studies, agent, data_hash, settings, config)
            planned.append(_timed(agent, config, pace) if config.n_trials is None else _planned(agent, config, pace, saved))
        if refit is None:
            continue
        runs, finals = refit.confirming_runs(agents[-1].top_k) + refit.untuned_runs, refit.final_trainings
        trainings = {"name": "refit", "n_trials": runs + finals, "spend": "trials", "keep_checkpoints": finals}
        planned.append(_planned(agent, agents[-1].model_copy(update=trainings), pace, 0.0))
    known = [stage for stage in planned if stage.hours is not None]
    return Plan(
        stages=planned,
        trials=sum(stage.trials or 0 for stage in planned if stage.stage != "refit"),
        hours=(sum(stage.hours[0] for stage in known), sum(stage.hours[1] for stage in known)),
        disk_bytes=sum(stage.disk_bytes or 0 for stage in known),
        measured_in=measured,
        timed=replace(timed[0], timed_seconds=sum(pace.timed_seconds for pace in timed)).source if timed else None,
        not_measured=missing,
    )


def _timed(agent: str, stage: StageConfig, pace: Pace | None) -> PlannedStage:
    """A stage that time alone ends: no trial starts after it, and the last ones finish."""
    limit = stage.timeout / 3600
    last = 0.0 if pace is None else (pace.start_seconds + stage.epochs * pace.quantiles[1]) / 3600
    workers = worker_count(stage, None if pace is None else pace.workers)
    weights = stage.keep_checkpoints + workers if stage.keep_checkpoints else 0
    return PlannedStage(
        agent=agent,
        stage=stage.name,
        trials=None,
        spend=stage.spend,
        epochs=stage.epochs,
        pruned_share=0.0,
        hours=(limit, limit + last),
        disk_bytes=None if pace is None or pace.checkpoint_bytes is None else weights * pace.checkpoint_bytes,
        weights=weights,
    )


def _planned(agent: str, stage: StageConfig, pace: Pace | None, saved: float) -> PlannedStage:
    fields = {
        "agent": agent, "stage": stage.name, "trials": stage.n_trials, "spend": stage.spend, "epochs": stage.epochs,
        "pruned_share": saved,
    }  # fmt: skip
    workers = worker_count(stage, None if pace is None else pace.workers)
    fields["weights"] = most_weights(stage.keep_checkpoints, stage.n_trials, min(workers, stage.n_trials))
    if pace is None:
        return PlannedStage(**fields, hours=None, disk_bytes=None)
    estimate = estimate_stage(
        pace,
        n_trials=stage.n_trials,
        done=0,
        epochs=stage.epochs,
        workers=workers,
        pruned_share=saved,
        epochs_left=stage.epoch_budget,
        keep_checkpoints=stage.keep_checkpoints,
    )
    return PlannedStage(**fields, hours=(estimate.low_hours, estimate.high_hours), disk_bytes=estimate.disk_bytes)
