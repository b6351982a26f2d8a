"""The final model as an ensemble: its members, their common decisions, its gain and its cost."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field, FiniteFloat

from psy_agents.agents.saved.agent import Decisions
from psy_agents.agents.saved.base import BASE, locate_base
from psy_agents.errors import UserError
from psy_agents.evaluation.metrics.registry import TITLES
from psy_agents.evaluation.predictions import read_predictions
from psy_agents.evaluation.results import EnsembleResult, ModelCost
from psy_agents.evaluation.significance import compare
from psy_agents.files.schema import Schema
from psy_agents.hpo.disk import size_of
from psy_agents.hpo.refit.confirming import Confirmation, ranked
from psy_agents.hpo.refit.decisions import decide, final_of, span_lengths_of
from psy_agents.hpo.refit.finals import Finals
from psy_agents.hpo.refit.objectives import MODEL, PREDICTIONS, TEST_SECONDS, EnsembleSetup, Final, RefitSetup
from psy_agents.hpo.refit.runs import FixedSchedule, RefitRuns
from psy_agents.hpo.study.records import TrialRecord
from psy_agents.inference.predictor import average

log = logging.getLogger(__name__)

MEMBERS_LABEL, ENSEMBLE_LABEL = "members", "ensemble"
ENSEMBLE, SINGLE = "ensemble", "single"
DESCRIPTION = f"{MODEL}/agent.json"


class EnsembleMember(Schema):
    """One of the agents of an ensemble."""

    rank: int = Field(ge=1, description="Of its candidate in the top-k.")
    seed: int
    epochs: int = Field(ge=1)


class EnsembleSummary(EnsembleResult):
    """The members and decisions of an ensemble, with its gain and its cost."""

    members: tuple[EnsembleMember, ...] = Field(min_length=2, description="The single winner first.")
    members_study: str
    study: str = Field(description="In which the members were put together and tested.")
    single_test_value: FiniteFloat
    single_test_metrics: dict[str, FiniteFloat | None]
    single_decisions: dict[str, Any] = Field(description="Temperature, thresholds and decoding rule of the winner alone.")


@dataclass(frozen=True)
class Ensemble:
    """A tested ensemble: its run, its decisions and its summary."""

    record: TrialRecord
    decisions: Decisions
    summary: EnsembleSummary


def run_ensemble(
    runs: RefitRuns,
    setup: RefitSetup,
    refit: str,
    confirmations: Sequence[Confirmation],
    winner: Confirmation,
    tested_alone: Finals,
) -> Ensemble:
    """Train the missing members, combine all members, and test the ensemble once.

    ``seeds``: the final models of the seeds that the winner was confirmed with. ``top_k``: each candidate that failed with no seed,
    the highest mean first, with the first seed; each is trained for its own epochs. The confirming runs of the same candidates
    represent the members: the temperature, the thresholds and the decoding rule of the ensemble are chosen on the average of their
    answers to the pairs that they held out. ``seeds`` has no such pairs with resplits, since each seed holds out others.

    Args:
        setup: of the refit; its ``finals`` hold the winner's.
        refit: the confirming study.
        confirmations: of each candidate, by its index.
        winner: the one that won.
        tested_alone: the final models; the first is the first member.

    Raises:
        UserError: there are fewer than two members, or a member's training failed.
    """
    config, corpus, settings = runs.config, setup.corpus, setup.settings
    chosen = _by_seed(winner, tested_alone) if config.ensemble == "seeds" else _by_rank(runs, confirmations, winner)
    members, requested = chosen[: config.ensemble_size], config.ensemble
    if len(members) < 2:
        raise UserError(
            f"An ensemble of {requested} needs two members, but only {len(members)} of {setup.agent} had no failed run in {refit}: "
            f"look at its trials' reasons, or use --params hpo.refit.ensemble=none"
        )
    finals = {i: setup.finals.get(i) or final_of(config, setup.corpora, confirmations[i]) for i in {i for i, _ in members}}
    if config.ensemble == "seeds":
        members_study, every = tested_alone.study, [tested_alone.records[seed] for _, seed in members]
    else:
        members_study, others = _train_others(runs, setup, refit, members[1:], finals)
        every = [tested_alone.first, *others]
    final_study, winners = tested_alone.study, tested_alone.first
    decisions = _decide_together(runs, setup, members, finals, confirmations)
    # Without the settings' hash: nothing is trained, so `best_pace` must not measure an epoch on this study.
    known = {name: value for name, value in runs.attributes.items() if name != "settings_hash"}
    study, _, (tested,) = replace(runs, attributes=known).run(
        ENSEMBLE_LABEL,
        {
            "members": members_study,
            "seeds": [seed for _, seed in members],
            "single": final_study,
            "decisions": decisions.to_dict(),
        },
        "EnsembleObjective",
        EnsembleSetup(setup.agent, settings, corpus, tuple(record.checkpoint / MODEL for record in every), decisions),
        FixedSchedule([(winner.candidate, config.fixed_seeds[0])], (PREDICTIONS, TEST_SECONDS)),
    )
    if tested.state != "complete":
        raise UserError(f"The ensemble of {setup.agent} ended as {tested.failure or tested.state} ({tested.reason}): see {study}.")
    summary = EnsembleSummary(
        kind=requested,
        members=[
            EnsembleMember(rank=runs.top.trials[i].rank, seed=seed, epochs=finals[i].epochs) for i, seed in members
        ],
        members_study=members_study,
        study=study,
        gain=compare(
            {ENSEMBLE: _predictions(tested), SINGLE: _predictions(winners)},
            corpus.posts.set_index("post_id")["text"].to_dict(),
            list(corpus.criteria),
            units=corpus.resampling_units,
        ),
        cost=_cost(tested, every),
        single_cost=_cost(winners, [winners]),
        single_test_value=winners.value,
        single_test_metrics=dict(winners.metrics),
        single_decisions=finals[winner.candidate].decisions.to_dict(),
    )
    for each in summary.gain:
        log.info(
            "%s: %d members (%s) against the single winner on test: %s %+.4f, 95 %% interval %+.4f to %+.4f",
            setup.agent, len(every), requested, TITLES[each.metric], each.difference.value, each.difference.low, each.difference.high,
        )  # fmt: skip
    return Ensemble(tested, decisions, summary)


def _train_others(
    runs: RefitRuns, setup: RefitSetup, refit: str, members: Sequence[tuple[int, int]], finals: Mapping[int, Final]
) -> tuple[str, tuple[TrialRecord, ...]]:
    """Train the members (candidate, seed) other than the winner: their study and their runs."""
    described = [
        {"candidate": i, "seed": seed, "epochs": finals[i].epochs, "decisions": finals[i].decisions.to_dict()} for i, seed in members
    ]
    study, _, records = runs.run(
        MEMBERS_LABEL,
        {"refit": refit, "members": described},
        "MemberObjective",
        RefitSetup(setup.agent, setup.settings, setup.corpus, setup.candidates, finals),
        FixedSchedule(members, (DESCRIPTION,)),
    )
    for record in records:
        if record.state != "complete":
            raise UserError(
                f"The training of a member of {setup.agent} ended as {record.failure or record.state} ({record.reason}): see {study}."
            )
    return study, records


def _by_seed(winner: Confirmation, finals: Finals) -> list[tuple[int, int]]:
    """Candidate and seed of each member: the final models, the first one even if its confirming run failed."""
    confirmed = {run.seed for run in winner.complete}
    first, *others = finals.records
    return [(winner.candidate, seed) for seed in (first, *(seed for seed in others if seed in confirmed))]


def _by_rank(runs: RefitRuns, confirmations: Sequence[Confirmation], winner: Confirmation) -> list[tuple[int, int]]:
    """The winner, then the others that were trained with all seeds and failed with none, each with the first seed."""
    seeds = runs.config.fixed_seeds
    others = [each for each in confirmations if len(each.complete) == len(seeds) and each != winner]
    return [(each.candidate, seeds[0]) for each in (winner, *ranked(others))]


def _decide_together(
    runs: RefitRuns,
    setup: RefitSetup,
    members: Sequence[tuple[int, int]],
    finals: Mapping[int, Final],
    confirmations: Sequence[Confirmation],
) -> Decisions:
    """The decisions on the members' average answers: of all seeds at once, or of all candidates for each seed's held-out pairs."""
    of = {(each.candidate, run.seed): (each, run) for each in confirmations for run in each.complete}
    if runs.config.ensemble == "seeds":
        groups = [[key for key in members if key in of]]
    else:
        rows = [[(i, seed) for i, _ in members] for seed in runs.config.fixed_seeds]
        groups = [row for row in rows if all(key in of for key in row)]  # All but the winner have run with every seed.
    answers = [
        average([confirmation.answers(run) for confirmation, run in map(of.__getitem__, group)], [finals[i].decisions for i, _ in group])
        for group in groups
    ]
    return decide(runs.config, setup.corpora, span_lengths_of(of[groups[0][0]][1]), [group[0][1] for group in groups], answers)


def _predictions(record: TrialRecord) -> pd.DataFrame:
    return read_predictions(record.checkpoint / PREDICTIONS)


def _cost(tested: TrialRecord, trained: Sequence[TrialRecord]) -> ModelCost:
    return ModelCost(
        members=len(trained),
        train_seconds=round(math.fsum(record.seconds for record in trained), 1),
        test_seconds=json.loads((tested.checkpoint / TEST_SECONDS).read_text(encoding="utf-8")),
        parameters=_parameters(tested.checkpoint / MODEL),
        disk_bytes=size_of(tested.checkpoint / MODEL),
    )


def _parameters(model: Path) -> int:
    """The number of parameters in a model's files, and in those of the encoder that its adapters belong to."""
    from safetensors import safe_open

    total = 0
    bases = {locate_base(file.parent) for file in model.rglob(BASE)}
    for file in (file for folder in (model, *bases) for file in folder.rglob("*.safetensors")):
        with safe_open(file, framework="numpy") as tensors:
            total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return total
