"""Build the report from the refits' predictions on test, their summaries, and the studies of the searches."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from psy_agents.agents.registry import AGENTS
from psy_agents.baselines.predict import baseline_predictions
from psy_agents.baselines.system import BaselineSetup
from psy_agents.corpus.corpus import Corpus
from psy_agents.errors import UserError
from psy_agents.evaluation.agreement import annotator_agreement
from psy_agents.evaluation.alarms import alarms
from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.gains import gains
from psy_agents.evaluation.intervals import sample_deviation
from psy_agents.evaluation.metrics.criteria.brier import BRIER
from psy_agents.evaluation.metrics.registry import TITLES
from psy_agents.evaluation.predictions import GOLD, gold_table
from psy_agents.evaluation.results import (
    AgentDecisions,
    AgentEnsemble,
    AgentSpread,
    CriterionThreshold,
    EnsembleResult,
    Evaluation,
    Provenance,
    Report,
    SeedScores,
    Selection,
    StageCost,
)
from psy_agents.evaluation.significance import compare
from psy_agents.hpo.refit.run_refit import RefitSummary
from psy_agents.reporting.config import ReportConfig
from psy_agents.reporting.search.studies import agent_studies, compared_backbones, stage_costs
from psy_agents.reporting.texts import UNTUNED

log = logging.getLogger(__name__)

SPLIT = "test"
TOLERANCE = 1e-9


@dataclass(frozen=True)
class RefitResult:
    """The summary of one agent's refit, and its predictions on test.

    Attributes:
        untuned: the predictions of the untuned agent; None or without a row if it was not trained.
    """

    summary: RefitSummary
    predictions: pd.DataFrame
    untuned: pd.DataFrame | None = None


def refits_of_corpus(refits: Mapping[str, RefitResult], data_hash: str) -> dict[str, RefitResult]:
    """The refits made on the corpus and splits with this hash, in the agents' order."""
    return {a: refits[a] for a in AGENTS if a in refits and refits[a].summary.data_hash == data_hash}


def read_refits(
    agents: Sequence[str],
    summaries: Sequence[Mapping[str, Any] | None],
    predictions: Sequence[pd.DataFrame | None],
    untuned: Sequence[pd.DataFrame | None],
) -> dict[str, RefitResult]:
    """Pair summaries with predictions. Agents without a refit, whose summary or predictions are None, are left out."""
    return {
        agent: RefitResult(RefitSummary.model_validate(summary), table, of_untuned)
        for agent, summary, table, of_untuned in zip(agents, summaries, predictions, untuned, strict=True)
        if summary is not None and table is not None
    }


def build_report(
    corpus: Corpus,
    store: str,
    refits: Mapping[str, RefitResult],
    config: ReportConfig,
    baselines: BaselineSetup,
    ratings: pd.DataFrame,
    git_commit: str,
) -> Report:
    """Report on the refits made on this corpus. Log a warning for each other refit.

    Args:
        store: address of the studies.
        ratings: each annotator's, see `psy_agents.corpus.annotators.ratings_of`.
    """
    chosen = refits_of_corpus(refits, corpus.fingerprint)
    for agent in sorted(set(refits) - set(chosen)):
        log.warning("%s is left out of the report: its latest refit is of another corpus or other splits", agent)
    summaries = {agent: refit.summary for agent, refit in chosen.items()}
    studies = agent_studies(store, summaries)
    report = evaluate_systems(corpus, corpus.fingerprint, chosen, stage_costs(studies), config, baselines)
    made = Provenance(corpus=config.corpus, environment=config.environment, git_commit=git_commit, made_at=datetime.now(UTC))
    added = {"annotators": annotator_agreement(ratings, corpus), "backbones": tuple(compared_backbones(studies, summaries))}
    return report.model_copy(update={**added, "provenance": made})


def evaluate_systems(
    corpus: Corpus,
    data_hash: str,
    refits: Mapping[str, RefitResult],
    stages: Sequence[StageCost],
    config: ReportConfig,
    baselines: BaselineSetup,
) -> Report:
    """Evaluate every agent with a refit, and every baseline on the same test pairs.

    Args:
        refits: refits made on these data, as `refits_of_corpus` returns them.

    Raises:
        UserError: there is no refit, or the scores of an agent's predictions differ from those in its summary.
    """
    if not refits:
        raise UserError("No agent has a refit on these data, so there is nothing to report: run the pipeline refit first.")
    texts = corpus.posts.set_index("post_id")["text"].to_dict()
    criteria = list(corpus.criteria)
    gold = gold_table(corpus.pairs, corpus.splits, SPLIT)
    units = corpus.resampling_units
    bootstrap = {"units": units, "resamples": config.resamples, "seed": config.seed}
    predictions = {agent: with_gold(refit.predictions, gold) for agent, refit in refits.items()}
    evaluations = [evaluate(agent, "agent", table, texts, criteria, **bootstrap) for agent, table in predictions.items()]
    for evaluation in evaluations:
        _check_one_refit(evaluation, refits[evaluation.name].summary)
    untuned = {f"{UNTUNED}_{agent}": refit.untuned for agent, refit in refits.items() if refit.untuned is not None and len(refit.untuned)}
    baseline_tables = {name: with_gold(table, gold) for name, table in untuned.items()} | baseline_predictions(corpus, SPLIT, baselines)
    evaluations += [evaluate(name, "baseline", table, texts, criteria, **bootstrap) for name, table in baseline_tables.items()]
    tables = predictions | baseline_tables
    same = untuned_winners(refits)
    compared = {name: table for name, table in tables.items() if name not in {f"{UNTUNED}_{agent}" for agent in same}}
    comparisons = compare(
        compared, texts, criteria, baselines=compared.keys() & baseline_tables.keys(), units=units, permutations=config.permutations,
        seed=config.seed,
    )  # fmt: skip
    return Report(
        data_hash=data_hash,
        posts=gold["post_id"].nunique(),
        units=len({units[post_id] for post_id in gold["post_id"]}),
        pairs=len(gold),
        resamples=config.resamples,
        evaluations=evaluations,
        comparisons=comparisons,
        alarms=alarms(comparisons),
        decisions=[
            _agent_decisions(refits[each.name].summary)
            for each in evaluations
            if each.kind == "agent" and not each.criterion.derived
        ],
        gains=[gain for agent, table in predictions.items() for gain in gains(agent, table, texts, criteria, **bootstrap)],
        ensembles=[
            AgentEnsemble(agent=agent, **{name: getattr(ensemble, name) for name in EnsembleResult.model_fields})
            for agent, refit in refits.items()
            if (ensemble := refit.summary.ensemble) is not None
        ],
        seeds=[_seed_scores(refit.summary) for refit in refits.values()],
        selections=[_selection(refit.summary, stages) for refit in refits.values()],
        final_models=[
            AgentSpread(agent=agent, seeds=[final.seed for final in refit.summary.finals], **dict(each))
            for agent, refit in refits.items()
            for each in refit.summary.spread
        ],
        stages=stages,
        missing=[agent for agent in AGENTS if agent not in refits],
        untuned_winners=same,
    )


def untuned_winners(refits: Mapping[str, RefitResult]) -> list[str]:
    """The agents whose untuned agent is the tuned one: comparing a model with itself would cost the others in Holm's correction."""
    return [
        agent
        for agent, refit in refits.items()
        if refit.summary.ensemble is None and refit.summary.untuned is not None and refit.summary.untuned.is_winner
    ]


def with_gold(predictions: pd.DataFrame, gold: pd.DataFrame) -> pd.DataFrame:
    """Replace the gold columns of saved predictions by those of the corpus. A file may return lists of another type."""
    if list(zip(predictions["post_id"], predictions["criterion"], strict=True)) != list(
        zip(gold["post_id"], gold["criterion"], strict=True)
    ):
        raise ValueError("the predictions are not of the test pairs")
    return pd.concat([gold, predictions.drop(columns=GOLD).reset_index(drop=True)], axis=1)


def _check_one_refit(evaluation: Evaluation, summary: RefitSummary) -> None:
    """Check that predictions and summary are of one refit. An interrupted save can leave files of two."""
    saved, computed = summary.test_metrics, dict(evaluation.objectives)
    if evaluation.criterion is not None and not evaluation.criterion.derived:
        computed[BRIER.name] = evaluation.estimate(BRIER.name).value
    for name, value in computed.items():
        if abs(saved[name] - value) > TOLERANCE:
            raise UserError(
                f"The predictions of {summary.agent} give {TITLES[name]} {value:.6f} on test, its summary says {saved[name]:.6f}: the "
                f"files are of two refits. Run the pipeline refit again."
            )


def _agent_decisions(summary: RefitSummary) -> AgentDecisions:
    return AgentDecisions(
        agent=summary.agent,
        temperature=summary.temperature,
        shift=summary.shift,
        threshold=summary.threshold,
        criteria={
            criterion: CriterionThreshold(
                threshold=summary.thresholds.get(criterion, summary.threshold),
                own=criterion in summary.thresholds,
                validation_positives=positives,
            )
            for criterion, positives in summary.validation_positives.items()
        },
    )


def _seed_scores(summary: RefitSummary) -> SeedScores:
    found = zip(summary.seeds, summary.candidates[summary.winner - 1].values, strict=False)
    seeds, values = zip(*((seed, value) for seed, value in found if value is not None), strict=True)
    return SeedScores(
        agent=summary.agent,
        seeds=seeds,
        resplit=summary.resplit,
        values=values,
        mean=statistics.mean(values),
        standard_deviation=sample_deviation(values),
    )


def _selection(summary: RefitSummary, stages: Sequence[StageCost]) -> Selection:
    winner, single = summary.candidates[summary.winner - 1], summary.ensemble
    search = next((stage for stage in stages if stage.study == summary.from_study), None)
    return Selection(
        agent=summary.agent,
        trials=None if search is None else search.trials - search.states.get("failed", 0),
        candidates=len(summary.candidates),
        searched=max(each.searched_value for each in summary.candidates),
        winner_searched=winner.searched_value,
        confirmed=winner.mean,
        other_seeds=mean_of_other_seeds_choice([each.values for each in summary.candidates]) if summary.resplit else None,
        test=summary.test_value if single is None else single.single_test_value,
    )


def mean_of_other_seeds_choice(values: Sequence[Sequence[float | None]]) -> float | None:
    """The mean over the seeds of the candidate with the highest mean over the *other* seeds.

    The mean of the winner over all seeds is too high, since these values chose it; here no seed's value has a part in its own choice
    (Cawley and Talbot, "On Over-fitting in Model Selection and Subsequent Selection Bias in Performance Evaluation", JMLR 2010).

    Args:
        values: of each candidate by seed.

    Returns:
        None with fewer than two seeds or candidates, or where a candidate has no value of a seed.
    """
    seeds = len(values[0])
    if len(values) < 2 or seeds < 2 or any(len(row) != seeds or None in row for row in values):
        return None
    found = []
    for seed in range(seeds):
        others = [statistics.fmean(value for place, value in enumerate(row) if place != seed) for row in values]
        found.append(values[others.index(max(others))][seed])
    return statistics.fmean(found)
