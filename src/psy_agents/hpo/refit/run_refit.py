"""The refit: confirms the best trials over fixed seeds, trains the winner on train + validation, and tests it once."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field, FiniteFloat

from psy_agents.agents.encoders.loading import locate_encoder
from psy_agents.corpus.corpus import Corpus
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import read_predictions
from psy_agents.files.schema import Schema
from psy_agents.hpo.config import RefitConfig
from psy_agents.hpo.disk import check_space, encoder_bytes
from psy_agents.hpo.paths import StoragePaths
from psy_agents.hpo.refit.ensemble import EnsembleSummary, run_ensemble
from psy_agents.hpo.refit.objectives import ANSWERS, MODEL, PREDICTIONS, SPAN_LENGTHS, TEST_SECONDS, RefitSetup
from psy_agents.hpo.refit.runs import RefitRuns, final_of, warn_of_flat_probabilities
from psy_agents.hpo.study.identity import settings_hash
from psy_agents.hpo.study.records import Callback, TrialRecord
from psy_agents.hpo.study.store import StudyStore
from psy_agents.hpo.study.topk import Scalar, TopK, installed_versions
from psy_agents.training.config import TrainingSettings
from psy_agents.training.data import positive_pairs, split_pairs
from psy_agents.training.learning_curve import VALUE_RULE

log = logging.getLogger(__name__)

LABEL, FINAL_LABEL = "refit", "final"


class ConfirmedCandidate(Schema):
    """One of the best trials, run with each of the fixed seeds; values are the objective on validation."""

    rank: int = Field(ge=1, description="In the top-k.")
    trial: int
    searched_value: FiniteFloat = Field(description="What the search saw, with the trial's own seed.")
    values: tuple[FiniteFloat | None, ...] = Field(description="By seed; null where the run failed.")
    best_epochs: tuple[int | None, ...]
    mean: FiniteFloat | None
    standard_deviation: FiniteFloat | None = Field(description="Of the sample, n - 1; 0 for one seed.")


class RefitSummary(Schema):
    """The winner of a refit: how it was chosen, its parameters and decisions, and its figures on test."""

    agent: str
    from_study: str
    from_stage: str
    study: str
    final_study: str
    seeds: tuple[int, ...]
    candidates: tuple[ConfirmedCandidate, ...]
    winner: int = Field(ge=1, description="Its rank in the top-k.")
    params: dict[str, Scalar]
    hyperparameters: dict[str, Scalar] = Field(description="All of them, with defaults and fixed ones.")
    epochs: int = Field(ge=1, description="Median of the winner's best epochs.")
    seed: int = Field(description="Of the final training.")
    temperature: FiniteFloat = Field(gt=0, description="Of the probabilities; 1 where they are not calibrated.")
    shift: FiniteFloat = Field(description="Of the log odds, after the temperature; 0 but for calibration: platt.")
    threshold: FiniteFloat = Field(description="On calibrated probabilities, of criteria without one of their own.")
    thresholds: dict[str, FiniteFloat] = Field(description="Of the criteria that have one of their own.")
    validation_positives: dict[str, int] = Field(description="Pairs of each criterion from which thresholds were chosen.")
    decoding: dict[str, float | int | str]
    test_value: FiniteFloat = Field(description="The objective on test of the model that is handed over.")
    test_metrics: dict[str, FiniteFloat | None]
    ensemble: EnsembleSummary | None = Field(
        description="None where the winner is handed over alone; else decisions and figures above are those of all members together."
    )
    data_hash: str
    settings_hash: str
    versions: dict[str, str]


@dataclass(frozen=True)
class RefitOutput:
    """The summary as plain data, the folder of the saved agent, and its predictions on test."""

    summary: dict[str, Any]
    model: Path
    predictions: pd.DataFrame


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

    Each candidate is trained on train with every seed, with the epochs of the search, and scored on validation. The winner
    has the highest mean; a candidate that failed with a seed ranks below all that did not. It is trained on train and
    validation for the median of its best epochs, with the first seed. Temperature, thresholds and decoding rule are chosen
    on the winner's validation answers of all seeds together.

    Raises:
        UserError: there is no top-k, it was made on another corpus or with other settings, or every candidate failed.
    """
    data = corpus.fingerprint
    _check(agent, config, settings, top, data)
    chosen, n_seeds = top.trials[: config.candidates], len(config.fixed_seeds)
    candidates = tuple(dict(trial.params) for trial in chosen)
    encoders = {settings.hyperparameters(dict(params)).encoder for params in candidates}
    # Confirming runs keep only answers; the final model is written atomically, and an ensemble links its members.
    check_space(paths.checkpoints, (1 + config.final_trainings) * encoder_bytes(agent, map(locate_encoder, encoders)))
    attributes = {
        "agent": agent,
        "data_hash": data,
        "settings_hash": settings_hash(settings),
        "parent_study": top.study,
    }
    identity = {
        "top_k": {"study": top.study, "candidates": list(candidates)},
        "seeds": list(config.fixed_seeds),
        "corpus": data,
        "training": settings.model_dump(mode="json"),
        "value": VALUE_RULE,
        "epochs": top.epochs,
        "patience": top.patience,
    }
    with StudyStore(paths.store) as opened:
        engine = RefitRuns(config, top, len(chosen), opened, paths, callbacks, attributes)
        setup = RefitSetup(agent, settings, corpus, candidates)
        runs = [(i, seed) for i in range(len(chosen)) for seed in config.fixed_seeds]
        study, confirmed = engine.run(LABEL, identity, "ConfirmingObjective", setup, runs, (ANSWERS, SPAN_LENGTHS))
        ranked = _confirmed(top, confirmed, n_seeds)
        winner = _winner(ranked, study)
        complete = {
            i: [r for r in confirmed if r.index // n_seeds == i and r.state == "complete"] for i in range(len(chosen))
        }
        place, records = winner.rank - 1, complete[winner.rank - 1]
        last = final_of(corpus, config, settings, records)
        decisions, ensemble = last.decisions, None
        warn_of_flat_probabilities(agent, decisions)
        log.info(
            "%s: trial %d of %s wins with %.4f +- %.4f over %d seeds; it is trained on train + validation for %d epochs",
            agent, winner.trial, top.study, winner.mean, winner.standard_deviation, len(records), last.epochs,
        )  # fmt: skip
        setup = replace(setup, finals={place: last})
        final_study, (final,) = engine.run(
            FINAL_LABEL,
            {"refit": study, "candidate": place, "epochs": last.epochs, "decisions": decisions.to_dict()},
            "FinalObjective",
            setup,
            [(place, config.fixed_seeds[0])],
            (PREDICTIONS, TEST_SECONDS),
        )
        if final.state != "complete":
            raise UserError(f"The final training of {agent} ended as {final.failure or final.state} ({final.reason}): see {final_study}.")
        log.info("%s: %.4f on test", agent, final.value)
        if config.ensemble != "none":
            ensemble = run_ensemble(engine, setup, study, complete, place, (final_study, final))
            final, decisions = ensemble.record, ensemble.decisions
            log.info("%s: %.4f on test with %d members", agent, final.value, len(ensemble.summary.members))
    summary = RefitSummary(
        agent=agent,
        from_study=top.study,
        from_stage=top.stage,
        study=study,
        final_study=final_study,
        seeds=config.fixed_seeds,
        candidates=ranked,
        winner=winner.rank,
        params=candidates[place],
        hyperparameters=settings.hyperparameters(dict(candidates[place])).model_dump(),
        epochs=last.epochs,
        seed=config.fixed_seeds[0],
        **decisions.to_dict(),
        validation_positives=positive_pairs(split_pairs(corpus, "validation")),
        test_value=final.value,
        test_metrics=dict(final.metrics),
        ensemble=None if ensemble is None else ensemble.summary,
        data_hash=data,
        settings_hash=attributes["settings_hash"],
        versions=installed_versions(),
    )
    predictions = read_predictions(final.checkpoint / PREDICTIONS)
    return RefitOutput(summary.model_dump(mode="json"), final.checkpoint / MODEL, predictions)


def _check(agent: str, config: RefitConfig, settings: TrainingSettings, top: TopK | None, data: str) -> None:
    again = f"run hpo_{config.stage} again" if config.stage != "maximal" else "run maximal_hpo again"
    if top is None:
        raise UserError(
            f"There are no best trials of {config.stage} for {agent} to refit: {again.removesuffix(' again')} first, or name "
            f"another stage with --params hpo.refit.stage=..."
        )
    if top.agent != agent:
        raise ValueError(f"the best trials are those of {top.agent}, not of {agent}")
    if top.data_hash != data:
        raise UserError(f"The best trials of {config.stage} for {agent} are of another corpus or other splits: {again}.")
    if top.settings_hash != settings_hash(settings):
        raise UserError(f"The best trials of {config.stage} for {agent} were trained with other settings (training): {again}.")


def _confirmed(top: TopK, records: Sequence[TrialRecord], n_seeds: int) -> tuple[ConfirmedCandidate, ...]:
    found = []
    for i in range(len(records) // n_seeds):
        runs = [r if r.state == "complete" else None for r in records[i * n_seeds : (i + 1) * n_seeds]]
        values = [run.value for run in runs if run is not None]
        found.append(
            ConfirmedCandidate(
                rank=top.trials[i].rank,
                trial=top.trials[i].trial,
                searched_value=top.trials[i].value,
                values=[None if run is None else run.value for run in runs],
                best_epochs=[None if run is None else run.best_epoch for run in runs],
                mean=statistics.mean(values) if values else None,
                standard_deviation=(statistics.stdev(values) if len(values) > 1 else 0.0) if values else None,
            )
        )
    return tuple(found)


def _winner(candidates: Sequence[ConfirmedCandidate], study: str) -> ConfirmedCandidate:
    able = [candidate for candidate in candidates if candidate.mean is not None]
    if not able:
        raise UserError(f"Every confirming run of {study} failed, so there is nothing to refit: look at its trials' reasons.")
    return min(able, key=lambda c: (c.values.count(None), -c.mean, c.rank))
