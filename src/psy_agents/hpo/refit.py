"""The refit: the best trials confirmed over fixed seeds, the winner trained for good and tested once."""

from __future__ import annotations

import json
import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from psy_agents.agents.encoder import locate_encoder
from psy_agents.agents.saving import Decisions
from psy_agents.errors import UserError
from psy_agents.hpo.budget import check_space, encoder_bytes
from psy_agents.hpo.config import RefitConfig, StageConfig, WorkersConfig
from psy_agents.hpo.identity import Identity, settings_hash, study_name
from psy_agents.hpo.records import Listener, TrialRecord
from psy_agents.hpo.refit_objectives import ANSWERS, MODEL, PREDICTIONS, SPAN_LENGTHS, RefitSetup
from psy_agents.hpo.search import Places, fingerprint, tell_changes
from psy_agents.hpo.space import SearchSpace
from psy_agents.hpo.stage import StageRunner
from psy_agents.hpo.store import StudyStore
from psy_agents.hpo.topk import Scalar, TopK, installed_versions
from psy_agents.training.config import TrainingSettings
from psy_agents.training.data import Corpus, positive_pairs
from psy_agents.training.scoring import Answers, SplitScorer

log = logging.getLogger(__name__)

STAGE, LABEL, FINAL_LABEL = "stage3", "refit", "final"


class ConfirmedCandidate(BaseModel):
    """One of the best trials over the fixed seeds; values are the objective on validation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(ge=1, description="In the top-k.")
    trial: int
    searched_value: FiniteFloat = Field(description="What the search saw, with the trial's own seed.")
    values: tuple[FiniteFloat | None, ...] = Field(description="By seed; null where the run failed.")
    best_epochs: tuple[int | None, ...]
    mean: FiniteFloat | None
    standard_deviation: FiniteFloat | None = Field(description="Of the sample, n - 1; 0 for one seed.")


class RefitSummary(BaseModel):
    """How the winner was found, what it is, and what it reached on test."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    threshold: FiniteFloat = Field(description="On calibrated probabilities, of criteria without one of their own.")
    thresholds: dict[str, FiniteFloat] = Field(description="Of the criteria that have one of their own.")
    validation_positives: dict[str, int] = Field(description="Pairs of each criterion from which thresholds were chosen.")
    decoding: dict[str, float | int | str]
    test_value: FiniteFloat = Field(description="The objective on test.")
    test_metrics: dict[str, FiniteFloat | None]
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
    places: Places,
    listeners: Sequence[Listener] = (),
) -> RefitOutput:
    """Confirm the best trials, or go on with it, then train the winner on train + validation and test it once.

    Each candidate is trained on train with every seed, as long as the search trained, and scored on validation. The
    winner has the highest mean; one that failed with a seed loses to all that did not. It is trained anew on train and
    validation for the median of its best epochs, with the first seed. Temperature, thresholds and decoding rule are those
    that suit the winner's answers on validation best, all seeds' together.

    Raises:
        UserError: there is no top-k, it was made on another corpus or with other settings, or every candidate failed.
    """
    data = fingerprint(corpus)
    _check(agent, config, settings, top, data)
    chosen, n_seeds = top.trials[: config.candidates], len(config.fixed_seeds)
    candidates = tuple(dict(trial.params) for trial in chosen)
    encoders = {settings.hyperparameters(dict(params)).encoder for params in candidates}
    # The confirming runs keep answers only; the final model is written beside its last name.
    check_space(places.checkpoints, 2 * encoder_bytes(agent, map(locate_encoder, encoders)))
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
        "epochs": top.epochs,
        "patience": top.patience,
    }
    with StudyStore(places.store) as opened:
        engine = _Engine(config, top, len(chosen), opened, places, listeners, attributes)
        setup = RefitSetup(agent, settings, corpus, candidates)
        runs = [(i, seed) for i in range(len(chosen)) for seed in config.fixed_seeds]
        study, confirmed = engine.run(LABEL, identity, "ConfirmingObjective", setup, runs, (ANSWERS, SPAN_LENGTHS))
        ranked = _confirmed(top, confirmed, n_seeds)
        winner = _winner(ranked, study)
        records = [r for r in confirmed if r.index // n_seeds == winner.rank - 1 and r.state == "complete"]
        epochs = round(statistics.median(record.best_epoch for record in records))
        decisions = _decisions(corpus, config, settings, records)
        log.info(
            "%s: trial %d of %s wins with %.4f +- %.4f over %d seeds; it is trained on train + validation for %d epochs",
            agent, winner.trial, top.study, winner.mean, winner.standard_deviation, len(records), epochs,
        )  # fmt: skip
        final_study, (final,) = engine.run(
            FINAL_LABEL,
            {"refit": study, "candidate": winner.rank - 1, "epochs": epochs, "decisions": decisions.described()},
            "FinalObjective",
            RefitSetup(agent, settings, corpus, candidates, epochs, decisions),
            [(winner.rank - 1, config.fixed_seeds[0])],
            (PREDICTIONS,),
        )
    if final.state != "complete":
        raise UserError(f"The final training of {agent} ended as {final.failure or final.state} ({final.reason}): see {final_study}.")
    log.info("%s: %.4f on test", agent, final.value)
    summary = RefitSummary(
        agent=agent,
        from_study=top.study,
        from_stage=top.stage,
        study=study,
        final_study=final_study,
        seeds=config.fixed_seeds,
        candidates=ranked,
        winner=winner.rank,
        params=candidates[winner.rank - 1],
        hyperparameters=settings.hyperparameters(dict(candidates[winner.rank - 1])).model_dump(),
        epochs=epochs,
        seed=config.fixed_seeds[0],
        **decisions.described(),
        validation_positives=positive_pairs(corpus.split("validation")),
        test_value=final.value,
        test_metrics=dict(final.metrics),
        data_hash=data,
        settings_hash=attributes["settings_hash"],
        versions=installed_versions(),
    )
    predictions = pd.read_parquet(final.checkpoint / PREDICTIONS)
    return RefitOutput(summary.model_dump(mode="json"), final.checkpoint / MODEL, predictions)


@dataclass(frozen=True)
class _Engine:
    """Runs candidates with given seeds as trials of a study, as the search runs its own."""

    config: RefitConfig
    top: TopK
    n_candidates: int
    store: StudyStore
    places: Places
    listeners: Sequence[Listener]
    attributes: Mapping[str, Any]

    def run(
        self,
        label: str,
        identity: Identity,
        objective: str,
        setup: RefitSetup,
        runs: Sequence[tuple[int, int]],
        files: tuple[str, ...],
    ) -> tuple[str, tuple[TrialRecord, ...]]:
        """The study's name and its records, one for each (candidate, seed); complete ones have their files.

        A study whose files were deleted is left as it is, and run anew under another name.
        """
        attempt = 0
        while True:
            tried = dict(identity) if attempt == 0 else {**identity, "attempt": attempt}
            name = study_name(setup.agent, STAGE, label, tried)
            tell_changes(self.store.studies(), name, tried)
            records = self._runner(label, name, tried, objective, setup, runs).run().records
            if all(_has(record, files) for record in records if record.state == "complete"):
                return name, records
            log.warning("%s: files of its runs were deleted from %s: they are run again", name, self.places.checkpoints)
            attempt += 1

    def _runner(
        self, label: str, name: str, identity: Identity, objective: str, setup: RefitSetup, runs: Sequence[tuple[int, int]]
    ) -> StageRunner:
        stage = StageConfig(
            name=STAGE,
            label=label,
            n_trials=len(runs),
            epochs=self.top.epochs,
            patience=self.top.patience,
            keep_checkpoints=len(runs),
            **{name: getattr(self.config, name) for name in WorkersConfig.model_fields},
        )
        candidate = {"candidate": {"type": "categorical", "choices": list(range(self.n_candidates))}}
        return StageRunner(
            stage,
            SearchSpace.from_config(candidate, {"candidate": 0}),
            [{"candidate": candidate} for candidate, _ in runs],
            self.store,
            name,
            objective=f"psy_agents.hpo.refit_objectives:{objective}",
            setup=setup,
            checkpoint_root=self.places.checkpoints / name,
            seeds=[seed for _, seed in runs],
            listeners=self.listeners,
            attributes={**self.attributes, "identity": identity},
            log_dir=None if self.places.logs is None else self.places.logs / name,
        )


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


def _has(record: TrialRecord, files: Sequence[str]) -> bool:
    return record.checkpoint is not None and all((record.checkpoint / name).is_file() for name in files)


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


def _decisions(
    corpus: Corpus, config: RefitConfig, settings: TrainingSettings, records: Sequence[TrialRecord]
) -> Decisions:
    """Temperature, thresholds and decoding rule from the winner's answers on validation, all seeds' together."""
    answers = [Answers.load(record.checkpoint / ANSWERS) for record in records]
    lengths = json.loads((records[0].checkpoint / SPAN_LENGTHS).read_text(encoding="utf-8"))
    scorer = SplitScorer(corpus.split("validation"), lengths, settings.objective_evidence_weight)
    return scorer.choose(*answers, calibrate=config.calibration == "temperature", min_support=config.min_support)
