"""The final models: the winner trained on train + validation with each seed, and the untuned agent. All are tested once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field, FiniteFloat

from psy_agents.errors import UserError
from psy_agents.files.schema import Schema
from psy_agents.hpo.refit.confirming import Confirmation, ConfirmingSchedule, winner_of
from psy_agents.hpo.refit.decisions import final_of
from psy_agents.hpo.refit.objectives import PREDICTIONS, TEST_SECONDS, Final, RefitSetup
from psy_agents.hpo.refit.runs import FixedSchedule, RefitRuns
from psy_agents.hpo.study.identity import Identity
from psy_agents.hpo.study.records import TrialRecord
from psy_agents.hpo.study.topk import Scalar

log = logging.getLogger(__name__)

FINAL_LABEL, UNTUNED_LABEL, UNTUNED_FINAL_LABEL = "final", "untuned", "untuned_final"
FILES = (PREDICTIONS, TEST_SECONDS)


class FinalModel(Schema):
    """One of the final models; they differ in the seed of their training."""

    seed: int
    test_value: FiniteFloat = Field(description="The objective on test.")
    test_metrics: dict[str, FiniteFloat | None]


class UntunedAgent(Schema):
    """The parameters of the search's first trial, confirmed, trained and tested as the winner is with the first seed."""

    params: dict[str, Scalar]
    study: str = Field(description="Of its confirming runs.")
    final_study: str
    is_winner: bool = Field(description="The search found nothing better: the winner has these parameters.")
    mean: FiniteFloat = Field(description="Of the objective over the seeds' held-out pairs, as a candidate's.")
    epochs: int = Field(ge=1)
    test_value: FiniteFloat
    test_metrics: dict[str, FiniteFloat | None]


@dataclass(frozen=True)
class Finals:
    """The tested final models.

    Attributes:
        study: that trained them.
        records: by seed; the first is that of the model that is handed over.
    """

    study: str
    records: Mapping[int, TrialRecord]

    @property
    def first(self) -> TrialRecord:
        """The model that is handed over, named before any was tested: that of the first seed."""
        return next(iter(self.records.values()))

    def models(self) -> tuple[FinalModel, ...]:
        """As the refit's summary shows them."""
        return tuple(
            FinalModel(seed=seed, test_value=record.value, test_metrics=dict(record.metrics)) for seed, record in self.records.items()
        )


def train_finals(runs: RefitRuns, setup: RefitSetup, refit: str, place: int) -> Finals:
    """Train the winner with each of the final seeds, and test each model once.

    Args:
        setup: its ``finals`` hold the winner's.
        refit: the confirming study.
        place: the winner's index.

    Raises:
        UserError: the training with the first seed failed. Another seed's is left out with a warning.
    """
    identity = {"refit": refit, "candidate": place, **_described(setup.finals[place])}
    return _train(runs, FINAL_LABEL, identity, setup, place, runs.config.final_seeds)


def _described(final: Final) -> dict[str, Any]:
    return {"epochs": final.epochs, "decisions": final.decisions.to_dict()}


def _train(runs: RefitRuns, label: str, identity: Identity, setup: RefitSetup, place: int, seeds: tuple[int, ...]) -> Finals:
    schedule = FixedSchedule([(place, seed) for seed in seeds], FILES)
    study, _, records = runs.run(label, identity, "FinalObjective", replace(setup, corpora={}), schedule)
    for seed, record in zip(seeds, records, strict=True):
        if record.state == "complete":
            continue
        ended = f"The final training of {setup.agent} with seed {seed} ended as {record.failure or record.state} ({record.reason})"
        if seed == seeds[0]:
            raise UserError(f"{ended}: see {study}.")
        log.warning("%s: it is left out of the spread over seeds; see %s", ended, study)
    return Finals(study, {seed: record for seed, record in zip(seeds, records, strict=True) if record.state == "complete"})


@dataclass(frozen=True)
class TestedUntuned:
    """The tested untuned agent: its run and its summary."""

    record: TrialRecord
    summary: UntunedAgent


def run_untuned(
    runs: RefitRuns, setup: RefitSetup, identity: Identity, params: Mapping[str, Any], winner: tuple[str, Confirmation, Finals]
) -> TestedUntuned:
    """Confirm the first trial's parameters with every seed, train them on train + validation with the first, and test that model once.

    Args:
        setup: of the refit.
        identity: of the confirming study, apart from its candidates.
        winner: the confirming study, the winner's confirmation and its final models; they are taken if the winner has these parameters.

    Raises:
        UserError: all confirming runs failed, or the final training did.
    """
    study, confirmation, finals = winner
    is_winner = dict(setup.candidates[confirmation.candidate]) == dict(params)
    if not is_winner:
        alone = runs.config.model_copy(update={"candidates": 1, "halving": None})
        runs = replace(runs, config=alone, n_candidates=1)
        setup = replace(setup, candidates=(dict(params),), finals={})
        schedule = ConfirmingSchedule(alone, 1)
        first_corpus = setup.corpora[alone.fixed_seeds[0]]
        confirmed = {**identity, "top_k": {"untuned": dict(params)}, "halving": None}
        study, requested, records = runs.run(
            UNTUNED_LABEL, confirmed, "ConfirmingObjective", replace(setup, corpus=first_corpus), schedule
        )
        confirmation = winner_of(schedule.confirmations(requested, records), study)
        schedule.drop_unused(requested, records)
        final = final_of(alone, setup.corpora, confirmation)
        described = {"refit": study, **_described(final)}
        finals = _train(runs, UNTUNED_FINAL_LABEL, described, replace(setup, finals={0: final}), 0, alone.fixed_seeds[:1])
    summary = UntunedAgent(
        params=dict(params),
        study=study,
        final_study=finals.study,
        is_winner=is_winner,
        mean=confirmation.mean,
        epochs=confirmation.epochs,
        test_value=finals.first.value,
        test_metrics=dict(finals.first.metrics),
    )
    return TestedUntuned(finals.first, summary)
