"""A stage of the search for one agent: from the preprocessed corpus to its best trials."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders.licences import log_licence
from psy_agents.agents.encoders.loading import locate_encoder
from psy_agents.agents.registry import spec
from psy_agents.agents.renamed import renamings
from psy_agents.corpus.corpus import Corpus
from psy_agents.errors import UserError
from psy_agents.hpo.config import BoundingBox, NoRefinement, StageConfig
from psy_agents.hpo.corpus_fit import check_criteria_fit, check_evidence
from psy_agents.hpo.disk import check_space, size_of, trial_bytes
from psy_agents.hpo.engine.stage_runner import StageRunner
from psy_agents.hpo.estimate import Pace, best_pace, estimate_stage
from psy_agents.hpo.measurement import PaceMeter
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.search_setup import SearchSetup
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.hpo.space.refinement import Refinement, carry_over, refine
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.identity import Identity, describe_changes, previous_study, settings_hash, study_name
from psy_agents.hpo.study.observations import Observations, kept_observations, observations_of, plain
from psy_agents.hpo.study.records import Callback, StageResult
from psy_agents.hpo.study.store import StudyStore, digest, read_studies
from psy_agents.hpo.study.topk import TopK, epochs_left, stage_records, top_k
from psy_agents.hpo.survival import pruned_share
from psy_agents.hpo.trials_per_gpu import GpuMeter
from psy_agents.hpo.workers.executor import worker_count
from psy_agents.training.config import TrainingSettings
from psy_agents.training.learning_curve import VALUE_RULE

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageOutput:
    """The top-k as plain data and the stage's records."""

    top_k: dict[str, Any]
    result: StageResult


def run_stage(
    agent: str,
    corpus: Corpus,
    stage: StageConfig,
    settings: TrainingSettings,
    spaces: SearchSpaceConfig,
    paths: StoragePaths,
    *,
    parent: TopK | None = None,
    callbacks: Sequence[Callback] = (),
) -> StageOutput:
    """Run one stage, or continue it, until its trials are finished, its epochs are spent or its time is up.

    Args:
        parent: the best trials of the stage before, on which the stage builds by ``stage.refine``; without them it searches the
            whole space alone.

    Raises:
        UserError: an encoder is missing, the space or a first trial does not fit the agent, a criterion does not fit a window, the
            splits are not those of the posts, or an agent of evidence would have none.
    """
    stage = stage.of_agent(agent)
    data = corpus.fingerprint
    whole = spaces.space(agent, stage.space, settings)
    encoders = {encoder: locate_encoder(encoder) for encoder in spaces.encoders(agent, stage.space, settings)}
    for encoder, folder in encoders.items():
        log_licence(encoder, folder)
    check_criteria_fit(corpus.criteria, encoders, whole, settings, stage.space)
    check_evidence(agent, corpus)
    refinement = build_on(agent, stage, whole, parent, data, paths.store)
    space = whole if refinement is None else refinement.space
    enqueued = spaces.firsts(agent, stage.space, whole) if refinement is None else list(refinement.first)
    canonical = space.canonical()
    identity = {
        "space": {each["name"]: each for each in canonical},
        "order": [each["name"] for each in canonical],
        "enqueued": enqueued,
        "observed": None if refinement is None else refinement.identity(),
        "corpus": data,
        "training": settings.model_dump(mode="json"),
        "value": VALUE_RULE,
        "stage": stage.model_dump(mode="json", include={"epochs", "patience", "seed", "sampler", "pruner"}),
    }
    name = study_name(agent, stage.name, stage.label, identity)
    attributes = {
        "agent": agent,
        "metric": spec(agent).objective_title(settings.objective_evidence_weight),
        "space": stage.space,
        "space_hash": digest(canonical),
        "data_hash": data,
        "settings_hash": settings_hash(settings),
        "refined_from": None if refinement is None else refinement.describe(),
        "observations": [] if refinement is None else plain(refinement.observations),
        "identity": identity,
    }
    weights = trial_bytes(agent, spaces.ranks(agent, stage.space, settings).items())
    search = SearchSetup(agent, settings, corpus, encoders=tuple(encoders), models=models_of(whole, settings))
    with StudyStore(paths.store) as opened:
        studies = opened.studies()
        log_changes(studies, name, identity)
        pace = best_pace(studies, agent, data, attributes["settings_hash"], stage.space)
        if pace is None:
            pace = PaceMeter(corpus, settings, spaces, paths.measurements).measure(agent, stage, (stage.n_trials or 0) * stage.epochs)
        _log_estimate(studies, agent, stage, name, attributes, paths.checkpoints, weights, pace)
        result = StageRunner(
            stage,
            space,
            enqueued,
            opened,
            name,
            objective="psy_agents.hpo.objective:AgentObjective",
            setup=search,
            earlier=() if refinement is None else refinement.earlier,
            checkpoint_root=paths.checkpoints / name,
            callbacks=callbacks,
            attributes=attributes,
            log_dir=None if paths.logs is None else paths.logs / name,
            time_on_gpu=GpuMeter.of_stage(search, spaces, stage, paths.measurements).rates,
        ).run()
        first = parent.first if refinement is not None and parent.data_hash == data else None
        return StageOutput(top_k(opened.study(name), stage.top_k, first), result)


def models_of(space: SearchSpace, settings: TrainingSettings) -> tuple[ModelConfig, ...]:
    """The models of trials, for `SearchSetup.models`."""
    cases = space.cases(("encoder", "attention", "lora_rank", "lora_targets", "frozen_layers", "reinitialised_layers"))
    fields = set(ModelConfig.model_fields)
    configs = (ModelConfig(**settings.hyperparameters(case).model_dump(include=fields)) for case in cases)
    return tuple(dict.fromkeys(configs))


def log_changes(studies: Sequence[optuna.Study], name: str, identity: Identity) -> None:
    """Log why a stage starts a new study although an earlier study of it exists."""
    if name in {study.study_name for study in studies}:
        return
    before = previous_study(studies, name)
    if before is not None and "identity" in before.user_attrs:
        old = renamings(before.user_attrs["identity"].get("space", ()))
        if old:
            log.info("%s starts a new study: %s holds hyper-parameters under the names of version 0.1 (%s)", name, before.study_name, old)
            return
        changed = describe_changes(before.user_attrs["identity"], identity)
        log.info("%s starts a new study: changed since %s: %s", name, before.study_name, changed)


def _log_estimate(
    studies: Sequence[optuna.Study],
    agent: str,
    stage: StageConfig,
    name: str,
    attributes: Mapping[str, Any],
    checkpoints: Path,
    unmeasured: int,
    pace: Pace | None,
) -> None:
    """Log the estimated time, if an epoch of the agent has been measured, and refuse a disk without room for the weights.

    Args:
        unmeasured: bytes of one trial's weights, while no trial has kept any.
        pace: of the agent's trials, where it was measured.
    """
    here = next((study for study in studies if study.study_name == name), None)
    done = 0 if here is None or "checkpoint_root" not in here.user_attrs else len(stage_records(here))
    workers = worker_count(stage, None if pace is None else pace.workers)
    left = stage.epoch_budget if here is None else epochs_left(here, stage)
    ended = left == 0 if left is not None else stage.n_trials is not None and done >= stage.n_trials
    if stage.keep_checkpoints and not ended:
        weights = unmeasured if pace is None or pace.checkpoint_bytes is None else pace.checkpoint_bytes
        check_space(checkpoints, (workers + stage.keep_checkpoints + 1) * weights - size_of(checkpoints / name))
    if pace is None:
        log.info("%s: no epoch of %s has been measured on these data yet, so there is no estimate of its time", name, agent)
        return
    if stage.n_trials is None:
        log.info("%s: as many trials as fit into %.0f s; an epoch takes %.1f s", name, stage.timeout, pace.seconds_per_epoch)
        return
    estimate = estimate_stage(
        pace,
        n_trials=stage.n_trials,
        done=done,
        epochs=stage.epochs,
        workers=workers,
        pruned_share=pruned_share(studies, agent, attributes["data_hash"], attributes["settings_hash"], stage),
        epochs_left=left,
        keep_checkpoints=stage.keep_checkpoints,
    )
    log.info("%s: %s", name, estimate.sentence())


def build_on(
    agent: str, stage: StageConfig, space: SearchSpace, parent: TopK | None, data: str, store: str | Path
) -> Refinement | None:
    """How a stage builds on the best trials of the one before; None where it searches the whole space alone.

    Args:
        data: the corpus's fingerprint.
        store: the study store, which holds all of the earlier trials.

    Raises:
        UserError: the best trials are those of another agent.
    """
    title = f"{agent}, {stage.name}"
    if isinstance(stage.refine, NoRefinement):
        return None
    if parent is None:
        log.info("%s: no best trials of an earlier stage to build on: it searches the whole space alone", title)
        return None
    if parent.agent != agent:
        raise UserError(f"The best trials before {stage.name} of {agent} are those of {parent.agent}: run the stage before again.")
    if parent.data_hash != data:
        taken = "its box is" if isinstance(stage.refine, BoundingBox) else "its parameters and ranks are"
        log.warning("%s: %s searched another corpus or other splits; only %s taken over", title, parent.study, taken)
    if isinstance(stage.refine, BoundingBox):
        refinement = refine(space, parent, stage.refine)
    else:
        refinement = carry_over(space, parent, _observations(title, parent, store), stage.refine)
    log.info("%s %s", title, refinement.sentence())
    return refinement


def _observations(title: str, parent: TopK, store: str | Path) -> Observations:
    """What the stage observes; logs where these are the listed trials alone."""
    studies = read_studies(store)
    observations, complete = observations_of(parent, next((each for each in studies if each.study_name == parent.study), None))
    if not complete:
        kept = kept_observations(parent, studies)
        if kept is not None:  # A stage that began before its predecessor was deleted continues.
            return kept
        why = "the list is of an earlier version" if parent.finished is None else "the store lacks trials that the list was chosen from"
        log.warning("%s observes only the %d best trials of %s: %s", title, len(parent.trials), parent.study, why)
    return observations
