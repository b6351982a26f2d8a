"""The refit: confirms the best trials over fixed seeds, trains the winner on train + validation, and tests it once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field, FiniteFloat, ValidationError

from psy_agents.agents.registry import spec
from psy_agents.corpus.corpus import Corpus
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import no_predictions, read_predictions
from psy_agents.evaluation.results import SeedSpread
from psy_agents.files.schema import Schema
from psy_agents.hpo.disk import check_space, trial_bytes
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.refit.confirming import ConfirmedCandidate, ConfirmingSchedule, winner_of
from psy_agents.hpo.refit.decisions import final_of, held_out_by_seed, held_out_positives, warn_of_flat_probabilities, warn_of_halves
from psy_agents.hpo.refit.ensemble import EnsembleSummary, run_ensemble
from psy_agents.hpo.refit.finals import FinalModel, Finals, UntunedAgent, run_untuned, train_finals
from psy_agents.hpo.refit.objectives import MODEL, PREDICTIONS, RefitSetup
from psy_agents.hpo.refit.runs import RefitRuns
from psy_agents.hpo.refit.spread import spread_over_seeds
from psy_agents.hpo.study.identity import settings_hash
from psy_agents.hpo.study.records import Callback
from psy_agents.hpo.study.store import StudyStore
from psy_agents.hpo.study.topk import Scalar, TopK, installed_versions
from psy_agents.training.config import TrainingSettings
from psy_agents.training.learning_curve import VALUE_RULE
from psy_agents.training.training_data import split_id

log = logging.getLogger(__name__)

LABEL = "refit"


class RefitSummary(Schema):
    """The winner of a refit: how it was chosen, its parameters and decisions, and its figures on test."""

    agent: str
    from_study: str
    from_stage: str
    study: str
    final_study: str
    seeds: tuple[int, ...]
    resplit: bool = Field(False, description="Each seed held out another part of train + validation; else all held out validation.")
    folds: int | None = Field(None, description="Parts into which train + validation were cut; null without resplits.")
    halving: tuple[int, ...] | None = Field(None, description="Candidates that were trained with each seed; null: all of them.")
    candidates: tuple[ConfirmedCandidate, ...]
    winner: int = Field(ge=1, description="Its rank in the top-k.")
    params: dict[str, Scalar]
    hyperparameters: dict[str, Scalar] = Field(description="All of them, with defaults and fixed ones.")
    epochs: int = Field(ge=1, description="Of the final training: see the winner's `epochs`.")
    seed: int = Field(description="Of the final training.")
    temperature: FiniteFloat = Field(gt=0, description="Of the probabilities; 1 where they are not calibrated.")
    shift: FiniteFloat = Field(description="Of the log odds, after the temperature; 0 but for calibration: platt.")
    threshold: FiniteFloat = Field(description="On calibrated probabilities, of criteria without one of their own.")
    thresholds: dict[str, FiniteFloat] = Field(description="Of the criteria that have one of their own.")
    validation_positives: dict[str, int] = Field(
        description="Positive pairs of each criterion among the held-out ones from which thresholds were chosen; each counts once."
    )
    decoding: dict[str, float | int | str]
    test_value: FiniteFloat = Field(description="The objective on test of the model that is handed over.")
    test_metrics: dict[str, FiniteFloat | None]
    finals: tuple[FinalModel, ...] = Field((), description="The winner with each final seed; the model of the first is handed over.")
    spread: tuple[SeedSpread, ...] = Field((), description="Mean, standard deviation and interval of the final models on test.")
    untuned: UntunedAgent | None = Field(None, description="None where it was not trained.")
    ensemble: EnsembleSummary | None = Field(
        description="None where the winner is handed over alone; else decisions and figures above are those of all members together."
    )
    data_hash: str
    settings_hash: str
    versions: dict[str, str]


@dataclass(frozen=True)
class RefitOutput:
    """The summary as plain data, the folder of the saved agent, and predictions on test.

    Attributes:
        predictions: of the saved agent.
        untuned: of the untuned agent; without a row where it was not trained.
    """

    summary: dict[str, Any]
    model: Path
    predictions: pd.DataFrame
    untuned: pd.DataFrame


def run_refit(
    agent: str,
    corpus: Corpus,
    config: RefitConfig,
    settings: TrainingSettings,
    top: TopK | None,
    paths: StoragePaths,
    callbacks: Sequence[Callback] = (),
) -> RefitOutput:
    """Confirm the best trials, train the winner on train + validation, and test it once; an interrupted refit continues.

    With ``config.ensemble`` the result is an ensemble with the winner (see `run_ensemble`).

    Each candidate is trained with every seed (``config.halving``: with as many as it survives), with the epochs of the search. With
    ``config.resplit`` each seed holds out another part of train + validation, and the candidate and its epochs are those of the highest
    smoothed mean curve. Without it, all seeds train on train, the highest mean on validation wins, and its epochs are the median of
    its best ones. A candidate that failed with a seed ranks below all that did not. The winner is trained on train + validation and
    tested with each of the final seeds; the model of the first is handed over, whatever the others reach. Temperature, thresholds and
    decoding rule are chosen on its held-out answers of all seeds together. With ``config.untuned`` the parameters of the search's first
    trial are confirmed, trained and tested in the same way.

    Raises:
        UserError: there is no top-k, it was made on another corpus or with other settings, train + validation cannot be divided, or
            every candidate failed.
    """
    data = corpus.fingerprint
    check_top_k(agent, config, settings, top, data)
    chosen = top.trials[: config.most_candidates]
    candidates = tuple(dict(trial.params) for trial in chosen)
    untuned_params = (top.first,) if config.untuned and top.first is not None else ()
    every = [settings.hyperparameters(dict(params)) for params in (*candidates, *untuned_params)]
    weights = trial_bytes(agent, ((each.encoder, each.lora_rank) for each in every))
    # Confirming runs keep only answers; the final model is written atomically, and an ensemble links its members.
    check_space(paths.checkpoints, (1 + config.final_trainings) * weights)
    corpora, folds = held_out_by_seed(corpus, config)
    warn_of_halves(agent, folds)
    attributes = {
        "agent": agent,
        "metric": spec(agent).objective_title(settings.objective_evidence_weight),
        "data_hash": data,
        "settings_hash": settings_hash(settings),
        "parent_study": top.study,
    }
    identity = {
        "top_k": {"study": top.study, "candidates": list(candidates)},
        "seeds": list(config.fixed_seeds),
        "halving": None if config.halving is None else list(config.halving),
        "resplit": {"folds": folds, "held_out": {str(seed): split_id(each, ("validation",), "posts") for seed, each in corpora.items()}},
        "corpus": data,
        "training": settings.model_dump(mode="json"),
        "value": VALUE_RULE,
        "epochs": top.epochs,
        "patience": None if config.resplit else top.patience,
    }
    with StudyStore(paths.store) as opened:
        engine = RefitRuns(config, top, len(chosen), opened, paths, callbacks, attributes)
        setup = RefitSetup(agent, settings, corpora[config.fixed_seeds[0]], candidates, corpora=corpora)
        schedule = ConfirmingSchedule(config, len(chosen))
        study, requested, records = engine.run(LABEL, identity, "ConfirmingObjective", setup, schedule)
        confirmations = schedule.confirmations(requested, records)
        winner = winner_of(confirmations, study)
        schedule.drop_unused(requested, records)
        place = winner.candidate
        last = final_of(config, corpora, winner)
        decisions, ensemble = last.decisions, None
        warn_of_flat_probabilities(agent, decisions)
        found = [each.summary(trial) for each, trial in zip(confirmations, chosen, strict=True)]
        log.info(
            "%s: trial %d of %s is chosen, the best of %d candidates by the mean %s over the held-out posts of %d seeds: %.4f%s, too high "
            "on average because it chose; it is trained on train + validation for %d epochs",
            agent, found[place].trial, top.study, len(found), attributes["metric"], len(winner.complete), found[place].mean,
            "" if found[place].standard_deviation is None else f" (SD over seeds {found[place].standard_deviation:.4f})", last.epochs,
        )  # fmt: skip
        setup = RefitSetup(agent, settings, corpus, candidates, {place: last}, corpora)
        finals = train_finals(engine, setup, study, place)
        final, untuned = finals.first, None
        log.info("%s: %s %.4f on test%s", agent, attributes["metric"], final.value, _others(finals))
        if config.untuned and top.first is None:
            log.warning(
                "%s: the untuned agent is left out, because the best trials come from a version that did not keep the first trial's "
                "parameters: run hpo_%s again to have it", agent, config.stage,
            )  # fmt: skip
        elif config.untuned:
            untuned = run_untuned(engine, setup, identity, top.first, (study, winner, finals))
            same = ", which is the winner: the search gained nothing" if untuned.summary.is_winner else ""
            value = f"{attributes['metric']} {untuned.record.value:.4f}"
            log.info("%s: %s on test with the parameters of the search's first trial%s", agent, value, same)
        if config.ensemble != "none":
            ensemble = run_ensemble(engine, setup, study, confirmations, winner, finals)
            final, decisions = ensemble.record, ensemble.decisions
            log.info("%s: %s %.4f on test with %d members", agent, attributes["metric"], final.value, len(ensemble.summary.members))
    summary = RefitSummary(
        agent=agent,
        from_study=top.study,
        from_stage=top.stage,
        study=study,
        final_study=finals.study,
        seeds=config.fixed_seeds,
        resplit=config.resplit,
        folds=folds,
        halving=config.candidates_by_seed(len(chosen)) if config.halving else None,
        candidates=found,
        winner=found[place].rank,
        params=candidates[place],
        hyperparameters=settings.hyperparameters(dict(candidates[place])).model_dump(),
        epochs=last.epochs,
        seed=config.fixed_seeds[0],
        **decisions.to_dict(),
        validation_positives=held_out_positives(corpora, [run.seed for run in winner.complete]),
        test_value=final.value,
        test_metrics=dict(final.metrics),
        finals=finals.models(),
        spread=spread_over_seeds(
            [read_predictions(each.checkpoint / PREDICTIONS) for each in finals.records.values()],
            corpus.posts.set_index("post_id")["text"].to_dict(),
            list(corpus.criteria),
            units=corpus.resampling_units,
        ),
        untuned=None if untuned is None else untuned.summary,
        ensemble=None if ensemble is None else ensemble.summary,
        data_hash=data,
        settings_hash=attributes["settings_hash"],
        versions=installed_versions(),
    )
    predictions = read_predictions(final.checkpoint / PREDICTIONS)
    of_untuned = no_predictions() if untuned is None else read_predictions(untuned.record.checkpoint / PREDICTIONS)
    return RefitOutput(summary.model_dump(mode="json"), final.checkpoint / MODEL, predictions, of_untuned)


def _others(finals: Finals) -> str:
    """The seeds and their values on test, in words; nothing of one seed."""
    values = [f"{record.value:.4f} with seed {seed}" for seed, record in finals.records.items()]
    return "" if len(values) == 1 else f", with seed {next(iter(finals.records))}; the other final models: {', '.join(values[1:])}"


def check_top_k(agent: str, config: RefitConfig, settings: TrainingSettings, top: TopK | None, data: str) -> None:
    """Refuse best trials that this refit cannot train.

    Args:
        data: the corpus's fingerprint.

    Raises:
        UserError: there are none, or they are of another agent, corpus or settings, or hold values that no trial has.
    """
    again = f"run hpo_{config.stage} again" if config.stage != "maximal" else "run maximal_hpo again"
    if top is None:
        raise UserError(
            f"There are no best trials of {config.stage} for {agent} to refit: {again.removesuffix(' again')} first, or name "
            f"another stage with --params hpo.refit.stage=..."
        )
    if top.agent != agent:
        raise UserError(f"The best trials of {config.stage} for {agent} are those of {top.agent}: {again}.")
    if top.data_hash != data:
        raise UserError(f"The best trials of {config.stage} for {agent} are of another corpus or other splits: {again}.")
    if top.settings_hash != settings_hash(settings):
        raise UserError(f"The best trials of {config.stage} for {agent} were trained with other settings (training): {again}.")
    for trial in top.trials[: config.most_candidates]:
        _refuse_impossible(dict(trial.params), settings, f"trial {trial.trial} among the best of {config.stage} for {agent}", again)
    if top.first is not None:
        _refuse_impossible(dict(top.first), settings, f"the first trial that the best of {config.stage} for {agent} name", again)


def _refuse_impossible(params: dict[str, Scalar], settings: TrainingSettings, which: str, again: str) -> None:
    try:
        settings.hyperparameters(params)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"]))[:100]
        raise UserError(f"{name} of {which}: {first['msg']}: the file was changed: {again}.") from None
