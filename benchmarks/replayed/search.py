"""One replayed search: the package's stages with curves in place of trainings, and a store in memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import yaml
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState
from replayed.curves import EPOCHS, Noise, Task

from psy_agents.hpo.config import BoundingBox, CarryOver, NoRefinement, StageConfig
from psy_agents.hpo.engine.sampler import Sampler
from psy_agents.hpo.engine.samplers.random import Random
from psy_agents.hpo.engine.samplers.tpe import Tpe
from psy_agents.hpo.engine.seeds import derive_seed
from psy_agents.hpo.engine.stage_trials import StageTrials
from psy_agents.hpo.protocol import EpochReport, TrialOutcome
from psy_agents.hpo.refit.confirming import Confirmation, winner_of
from psy_agents.hpo.space.refinement import Refinement, carry_over, refine
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.checkpoints import Checkpoints
from psy_agents.hpo.study.observations import observations_of, plain
from psy_agents.hpo.study.records import TrialRecord
from psy_agents.hpo.study.topk import TopK, top_k
from psy_agents.training.learning_curve import best_epoch, smoothed

PROJECT = Path(__file__).parents[2]
STAGES = ("stage0", "stage1", "stage2")
PLAN = ((8, 3), (20, 10), (50, 15))  # Trials and epochs of the stages.
BUDGET = sum(trials * epochs for trials, epochs in PLAN)
CANDIDATES, SEEDS = 5, (11, 23, 47, 83, 131)  # Of the refit.
SEARCH_SPLIT = "search"

TODAY = [
    {"refine": {"name": "none"}, "sampler": {"name": "random"}, "pruner": {"name": "none"}},
    *2 * [
        {
            "refine": {"name": "bounding_box", "top": 5, "padding": 0.1, "enqueue": 3},
            "sampler": {"name": "tpe", "n_startup_trials": 10, "n_ei_candidates": 24, "multivariate": True},
            "pruner": {"name": "median", "n_startup_trials": 5, "warmup_ratio": 1 / 3},
        }
    ],
]  # fmt: skip
"""The stages' options before they were changed after the first replay (commit 16ad381)."""


UNIVARIATE = {"name": "tpe", "multivariate": False, "n_startup_trials": 10, "n_ei_candidates": 24}
"""The sampler of stages 1 and 2 before the Gaussian process (commit 813b366)."""


class OptunaDefault(Sampler):
    """Optuna's TPE as `optuna.samplers.TPESampler()` makes it."""

    keeps_state = False

    name: str = "optuna_default"

    def build(self, seed: int, space: SearchSpace) -> optuna.samplers.BaseSampler:
        return optuna.samplers.TPESampler(seed=seed)


@dataclass
class StudyInMemory:
    """Stands in for a study and its writer: the same trials as the store would hold, without a database."""

    study_name: str
    user_attrs: dict[str, Any]
    trials: list[FrozenTrial] = field(default_factory=list)

    def get_trials(self, deepcopy: bool = True, states: Sequence[TrialState] | None = None) -> list[FrozenTrial]:
        return [trial for trial in self.trials if states is None or trial.state in states]

    def begin(self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution], attrs: Mapping[str, Any]) -> FrozenTrial:
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING, params=dict(params), distributions=dict(distributions), user_attrs=dict(attrs)
        )
        trial.number = trial._trial_id = len(self.trials)
        self.trials.append(trial)
        return trial

    def report(self, trial: FrozenTrial, epoch: int, value: float) -> None:
        trial.intermediate_values[epoch] = value

    def end(
        self, trial: FrozenTrial, state: TrialState, value: float | None = None, *, attrs: Mapping[str, Any], study_attrs: Any = None
    ) -> FrozenTrial:
        if state is TrialState.PRUNED and trial.intermediate_values:
            value = trial.intermediate_values[max(trial.intermediate_values)]
        done = copy.copy(trial)
        done.state, done.values, done.datetime_complete = state, None if value is None else [value], datetime.now()
        done.user_attrs = {**trial.user_attrs, **attrs}
        self.trials[trial.number] = done
        return done


class StageTrialsBefore(StageTrials):
    """Proposes as commit 16ad381 did: Optuna's sampler reads raw values, and puts every stopped trial behind all complete ones."""

    def _ask(self, index: int) -> tuple[Mapping[str, Any], dict[str, Any]]:
        if index < len(self._enqueued):
            return self._enqueued[index], {}
        seed = derive_seed(self._config.seed, f"sampler of {self._config.name}", index)
        study = optuna.create_study(direction="maximize", sampler=self._config.sampler.build(seed, self._space))
        study.add_trials(self.history.final_attempts())
        return self._space.suggest(study.ask()), {}


@dataclass(frozen=True)
class World:
    """What a search meets: a task, its noise, and a draw of the noise."""

    task: Task
    noise: Noise
    draw: int

    def trial(self, params: Mapping[str, Any], seed: int, epochs: int) -> np.ndarray:
        """(epochs) A trial's values on the validation split of the search."""
        return self.task.observed(params, self.noise, (self.draw, SEARCH_SPLIT), (seed, epochs))[:epochs]

    def confirming_run(self, params: Mapping[str, Any], seed: int, *, resplit: bool) -> np.ndarray:
        """(epochs) A confirming run's values on the search's validation split, or on one of the seed's own."""
        split = f"split of {seed}" if resplit else SEARCH_SPLIT
        return self.task.observed(params, self.noise, (self.draw, split), ("refit", seed))


@dataclass
class Stage:
    """A stage as it was replayed."""

    config: StageConfig
    study: StudyInMemory
    epochs: int = 0
    """Trained so far."""

    def best(self, k: int) -> TopK | None:
        """Its best complete trials; None before the first."""
        if not any(trial.state is TrialState.COMPLETE for trial in self.study.trials):
            return None
        return TopK.model_validate(top_k(self.study, k))


def stage_configs(options: Sequence[Mapping[str, Any]], seed: int) -> list[StageConfig]:
    """The stages of the plan with given options."""
    return [
        StageConfig.model_validate(
            {"name": name, "label": "", "n_trials": n_trials, "epochs": epochs, "patience": epochs, "top_k": 8, "seed": seed}
            | {"keep_checkpoints": 0, **given}
        )
        for name, (n_trials, epochs), given in zip(STAGES, PLAN, options, strict=True)
    ]


def configured() -> list[dict[str, Any]]:
    """The options of the stages in conf/base/parameters_hpo.yml."""
    stages = yaml.safe_load((PROJECT / "conf/base/parameters_hpo.yml").read_text())["hpo"]
    return [{name: stages[stage][name] for name in ("refine", "sampler", "pruner")} for stage in STAGES]


def replay_stage(world: World, config: StageConfig, parent: Stage | None, *, before: bool = False) -> Iterator[Stage]:
    """Run a stage; yields it after each trial.

    Args:
        before: as commit 16ad381 did: a trial's value is that of its best epoch instead of the best of its smoothed curve, and the
            sampler reads these values.
    """
    refinement = _refinement(world, config, parent)
    space, enqueued = (world.task.space, ()) if refinement is None else (refinement.space, refinement.first)
    observed, earlier = ((), ()) if refinement is None else (refinement.observations, refinement.earlier)
    study = StudyInMemory(config.name, _attributes(config) | {"observations": plain(observed)})
    stage = Stage(config, study)
    kind = StageTrialsBefore if before else StageTrials
    trials = kind(config, space, enqueued, (), study, study, Checkpoints(PROJECT / "no weights", 0), dict, earlier)
    while pending := trials.history.pending():
        running = trials.begin(pending[0], 0)
        curve = world.trial(running.record.params, running.record.seed, config.epochs)
        stopped, epoch = False, 0
        while not stopped and epoch < config.epochs:
            epoch += 1
            report = EpochReport(epoch, float(curve[epoch - 1]))
            stopped = trials.should_stop(running, report)
            trials.store_epoch(running, report)
        trials.finish(running, None if stopped else _outcome(curve, raw=before))
        stage.epochs += epoch
        yield stage


def _refinement(world: World, config: StageConfig, parent: Stage | None) -> Refinement | None:
    best = None if parent is None else parent.best(parent.config.top_k)
    if best is None or isinstance(config.refine, NoRefinement):
        return None
    if isinstance(config.refine, BoundingBox):
        return refine(world.task.space, best, config.refine)
    assert isinstance(config.refine, CarryOver)
    observations, complete = observations_of(best, parent.study)
    assert complete
    return carry_over(world.task.space, best, observations, config.refine)


def _outcome(curve: np.ndarray, *, raw: bool) -> TrialOutcome:
    judged = curve if raw else np.array(smoothed(curve.tolist()))
    best = int(judged.argmax())
    return TrialOutcome(float(judged[best]), best + 1, len(curve), {})


def _attributes(config: StageConfig) -> dict[str, Any]:
    return {
        "stage": config.name, "label": config.label, "space_hash": "", "epochs": config.epochs, "patience": config.patience,
        "versions": {}, "max_retries": 0, "checkpoint_root": "",
    }  # fmt: skip


class Refit:
    """The refit of candidates: which model is handed over, and how good it is."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[tuple[Any, ...], float] = {}

    def truth(self, candidates: Sequence[Mapping[str, Any]], *, before: bool = False) -> float:
        """Noise-free quality on test of the winner after its chosen epochs, in units.

        Args:
            before: by the rule before: all seeds on one split, the highest mean of best epochs, the median of them.
        """
        key = (before, *(tuple(sorted(params.items())) for params in candidates))
        if key not in self._known:
            choose = self._choose_before if before else self._choose
            winner, epoch = choose([dict(params) for params in candidates])
            self._known[key] = self._world.task.truth(winner, epoch)
        return self._known[key]

    def _choose(self, candidates: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
        confirmed = [
            Confirmation(i, tuple(_record(i, curve) for curve in self._runs(params, resplit=True).tolist()), resplit=True)
            for i, params in enumerate(candidates)
        ]
        winner = winner_of(confirmed, "refit")
        return candidates[winner.candidate], winner.epochs

    def _choose_before(self, candidates: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
        runs = [self._runs(params, resplit=False) for params in candidates]
        winner = max(range(len(runs)), key=lambda i: runs[i].max(1).mean())
        return candidates[winner], round(float(np.median(runs[winner].argmax(1) + 1)))

    def _runs(self, params: Mapping[str, Any], *, resplit: bool) -> np.ndarray:
        """(seeds, epochs) Values of a candidate's confirming runs."""
        return np.array([self._world.confirming_run(params, seed, resplit=resplit) for seed in SEEDS])


def _record(candidate: int, curve: list[float]) -> TrialRecord:
    """A complete confirming run."""
    value, epoch = max(smoothed(curve)), best_epoch(curve)
    return TrialRecord(candidate, candidate, {}, 0, "complete", final=True, value=value, best_epoch=epoch, curve=tuple(curve))


def single_study(world: World, sampler: Sampler, seed: int) -> Iterator[Stage]:
    """One study of trials of all epochs, as many as the plan's epochs allow."""
    n_trials = BUDGET // EPOCHS
    plain = {"name": "single", "label": "", "n_trials": n_trials, "epochs": EPOCHS, "patience": EPOCHS, "top_k": 8, "seed": seed}
    config = StageConfig(**plain, keep_checkpoints=0).model_copy(update={"sampler": sampler, "refine": NoRefinement()})
    yield from replay_stage(world, config, None)


def staged(world: World, options: Sequence[Mapping[str, Any]], seed: int, *, before: bool = False) -> Iterator[list[Stage]]:
    """All stages, each on the one before; yields those that have begun, after each trial."""
    done: list[Stage] = []
    for config in stage_configs(options, seed):
        stage = None
        for stage in replay_stage(world, config, done[-1] if done else None, before=before):  # noqa: B007
            yield [*done, stage]
        done.append(stage)


BASELINES: dict[str, Sampler] = {
    "random": Random(),
    "tpe": OptunaDefault(),
    "univariate": Tpe(multivariate=False),
}
METHODS = (*BASELINES, "today", "new_tpe", "new", "new_spend")


def replay(world: World, method: str) -> dict[str, Any]:
    """Run a method: the model that it would hand over after each of its trials, and the epochs trained by then."""
    refit, seed = Refit(world), world.draw
    if method in BASELINES:
        runs: Iterator[list[Stage]] = ([stage] for stage in single_study(world, BASELINES[method], seed))
    elif method == "today":
        runs = staged(world, TODAY, seed, before=True)
    else:
        spend = "epochs" if method == "new_spend" else "trials"
        options = [stage | {"spend": spend} for stage in configured()]
        if method == "new_tpe":
            options = [options[0], *(stage | {"sampler": UNIVARIATE} for stage in options[1:])]
        runs = staged(world, options, seed)
    epochs, truths, before = [], [], []
    for stages in runs:
        epochs.append(sum(stage.epochs for stage in stages))
        best = next((found for stage in reversed(stages) if (found := stage.best(CANDIDATES)) is not None), None)
        candidates = [] if best is None else [trial.params for trial in best.trials]
        truths.append(refit.truth(candidates) if candidates else None)
        before.append(refit.truth(candidates, before=True) if candidates else None)
    last = stages
    return {
        "stages": [
            [len(stage.study.trials), sum(t.state is TrialState.COMPLETE for t in stage.study.trials), stage.epochs] for stage in last
        ],
        "epochs": epochs,
        "truths": truths,
        "truths_before": before,
    }
