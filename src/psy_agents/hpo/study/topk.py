"""The top-k file: a stage's best trials, read by the next stage and the refit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import optuna
from pydantic import Field, FiniteFloat, model_validator

from psy_agents.agents.renamed import renamings
from psy_agents.errors import UserError
from psy_agents.files.schema import Schema
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.study.checkpoints import Checkpoints
from psy_agents.hpo.study.history import TrialHistory
from psy_agents.hpo.study.records import TrialRecord, count_epochs, count_states, record_of

PACKAGES = ("psy-agents", "optuna", "torch", "transformers")
MOST_EPOCHS = 100_000  # Far more than any stage has; the refit trains with as many as a list names.
Scalar = bool | int | float | str | None


class RankedTrial(Schema):
    """One of the best trials; its metrics are those of its best epoch."""

    rank: int = Field(ge=1)
    trial: int = Field(ge=0, description="Its number in the study.")
    value: FiniteFloat = Field(description="The highest value of its smoothed curve, which decides between trials.")
    raw_value: FiniteFloat | None = Field(None, description="That epoch's value before smoothing; null in files of version 0.1.")
    metrics: dict[str, FiniteFloat | None]
    params: dict[str, Scalar]
    best_epoch: int = Field(ge=1)
    epochs_run: int = Field(ge=1)
    seconds: FiniteFloat = Field(ge=0)
    seed: int = Field(ge=0)
    checkpoint: str | None = Field(description="Folder of its weights; null where they were not kept.")
    cost: dict[str, FiniteFloat] = Field(
        {}, description="Parameters, trained ones, and milliseconds to predict a post on the search's machine. Empty in older lists."
    )


class RefinedFrom(Schema):
    """The earlier study that a stage builds on: see `Refinement`."""

    study: str
    trials: tuple[int, ...]
    box: dict[str, tuple[FiniteFloat, FiniteFloat]]
    whole: dict[str, tuple[FiniteFloat, FiniteFloat]]
    enqueued: int
    observed: dict[str, int] = Field({}, description="Number of trials that the sampler observed, by study, the earliest stage first.")


class TopK(Schema):
    """The best complete trials of a study, best first, and the study's identity."""

    study: str
    stage: str
    label: str
    agent: str | None
    space_hash: str
    data_hash: str | None
    settings_hash: str | None = Field(description="Of the training settings that all trials share.")
    refined_from: RefinedFrom | None = Field(description="None where the stage did not build on an earlier one.")
    epochs: int = Field(ge=1, le=MOST_EPOCHS, description="The most epochs that a trial could train.")
    patience: int = Field(ge=1)
    versions: dict[str, str]
    n_trials: int = Field(ge=1, description="Number of finished trials.")
    epochs_trained: int | None = Field(None, ge=0, description="Epochs of all finished trials; null in files of version 0.1.")
    states: dict[str, int] = Field(description="How many trials ended how; failed ones by their reason.")
    finished: tuple[int, ...] | None = Field(
        None, description="Numbers of all complete and stopped trials, by index: what the next stage observes. None in older lists."
    )
    first: dict[str, Scalar] | None = Field(
        None, description="Parameters of the first trial of the whole search on this corpus: the untuned agent. None in older lists."
    )
    trials: tuple[RankedTrial, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _under_new_names(self) -> TopK:
        """Has its own message, because the search must be run again."""
        old = renamings(dict.fromkeys(name for trial in self.trials for name in trial.params))
        if old:
            pipeline = "maximal_hpo" if self.stage == "max" else f"hpo_{self.stage}"
            raise UserError(
                f"The best trials of {self.study} hold hyper-parameters under the names of version 0.1 ({old}): run {pipeline} again."
            )
        return self

    @model_validator(mode="after")
    def _sorted(self) -> TopK:
        if [trial.rank for trial in self.trials] != list(range(1, len(self.trials) + 1)):
            raise ValueError("ranks must be 1, 2, 3 and so on")
        values = [trial.value for trial in self.trials]
        if values != sorted(values, reverse=True):
            raise ValueError("trials must be sorted from the highest value down")
        if len({trial.trial for trial in self.trials}) != len(self.trials):
            raise ValueError("a trial is listed twice")
        if len(self.trials) > self.states.get("complete", 0) or sum(self.states.values()) != self.n_trials:
            raise ValueError("the counts of states do not fit the trials")
        if self.epochs_trained is not None and sum(trial.epochs_run for trial in self.trials) > self.epochs_trained:
            raise ValueError("the trials have more epochs than all of the stage")
        return self


def installed_versions() -> dict[str, str]:
    """Versions of the packages that a result depends on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def stage_records(study: optuna.Study) -> tuple[TrialRecord, ...]:
    """The final attempt of each finished trial of a stage, by index."""
    checkpoints = Checkpoints(Path(study.user_attrs["checkpoint_root"]), keep=0)
    trials = study.get_trials(deepcopy=False)
    n_indices = 1 + max((trial.user_attrs.get("index", -1) for trial in trials), default=-1)
    history = TrialHistory(trials, n_trials=n_indices, max_retries=study.user_attrs["max_retries"])
    return tuple(record_of(t, final=True, checkpoint=checkpoints.kept(t.number)) for t in history.final_attempts())


def epochs_left(study: optuna.Study, stage: StageConfig) -> int | None:
    """See `TrialHistory.epochs_left`, of a stage's study as it is stored."""
    retries = stage.workers.max_retries
    trials = study.get_trials(deepcopy=False)
    return TrialHistory(trials, n_trials=stage.n_trials, max_retries=retries, epochs_per_trial=stage.epochs_per_trial).epochs_left


def top_k(study: optuna.Study, k: int, first: Mapping[str, Scalar] | None = None) -> dict[str, Any]:
    """The k best complete trials of a stage's study, as plain JSON data that fits :class:`TopK`.

    Args:
        first: parameters of the search's first trial, where it was in an earlier stage; None: of this study's first.

    Raises:
        UserError: no trial has completed.
    """
    records = stage_records(study)
    complete = [record for record in records if record.state == "complete" and math.isfinite(record.value)]
    states = count_states(records)
    if not complete:
        ended = ", ".join(f"{count} {state}" for state, count in states.items()) or "none was run"
        raise UserError(f"No trial of {study.study_name} completed ({ended}), so there is no best one.")
    best = sorted(complete, key=lambda record: (-record.value, record.number))[:k]
    attrs = study.user_attrs
    return TopK(
        study=study.study_name,
        stage=attrs["stage"],
        label=attrs["label"],
        agent=attrs.get("agent"),
        space_hash=attrs["space_hash"],
        data_hash=attrs.get("data_hash"),
        settings_hash=attrs.get("settings_hash"),
        refined_from=attrs.get("refined_from"),
        epochs=attrs["epochs"],
        patience=attrs["patience"],
        versions=attrs["versions"],
        n_trials=len(records),
        epochs_trained=count_epochs(records),
        states=states,
        finished=tuple(record.number for record in records if record.state in ("complete", "pruned")),
        first=dict(records[0].params if first is None else first),
        trials=tuple(_ranked(rank, record) for rank, record in enumerate(best, start=1)),
    ).model_dump(mode="json")


def _ranked(rank: int, record: TrialRecord) -> RankedTrial:
    return RankedTrial(
        rank=rank,
        trial=record.number,
        value=record.value,
        raw_value=record.raw_value,
        metrics=dict(record.metrics),
        params=dict(record.params),
        best_epoch=record.best_epoch,
        epochs_run=record.epochs_run,
        seconds=record.seconds,
        seed=record.seed,
        checkpoint=None if record.checkpoint is None else record.checkpoint.as_posix(),
        cost=dict(record.cost),
    )
