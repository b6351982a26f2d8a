"""The report from what the refits and the searches have left: predictions on test, summaries, studies."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from psy_agents.agents.registry import AGENTS
from psy_agents.corpus.corpus import Corpus
from psy_agents.errors import UserError
from psy_agents.evaluation.alarms import alarms
from psy_agents.evaluation.baselines import baseline_predictions
from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.gains import gains
from psy_agents.evaluation.predictions import GOLD, gold_table
from psy_agents.evaluation.results import (
    AgentDecisions,
    AgentEnsemble,
    CriterionThreshold,
    EnsembleResult,
    Evaluation,
    Report,
    SeedScores,
    StageCost,
)
from psy_agents.evaluation.significance import compare
from psy_agents.hpo.refit.run_refit import RefitSummary
from psy_agents.reporting.config import ReportConfig
from psy_agents.reporting.search.studies import agent_studies, stage_costs

log = logging.getLogger(__name__)

SPLIT = "test"
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Refitted:
    """One agent's refit: how it came about, and its predictions on test."""

    summary: RefitSummary
    predictions: pd.DataFrame


def fitting(refits: Mapping[str, Refitted], data_hash: str) -> dict[str, Refitted]:
    """The refits that were made on these data, in the agents' order; others are of another corpus or other splits."""
    return {a: refits[a] for a in AGENTS if a in refits and refits[a].summary.data_hash == data_hash}


def read_refits(
    agents: Sequence[str], summaries: Sequence[Mapping[str, Any] | None], predictions: Sequence[pd.DataFrame | None]
) -> dict[str, Refitted]:
    """The agents that have a refit; of the others summary or predictions are None."""
    return {
        agent: Refitted(RefitSummary.model_validate(summary), table)
        for agent, summary, table in zip(agents, summaries, predictions, strict=True)
        if summary is not None and table is not None
    }


def report_on(corpus: Corpus, store: str, refits: Mapping[str, Refitted], config: ReportConfig) -> Report:
    """Report on the refits that are of this corpus; the others, and agents no better than a baseline, are logged.

    Args:
        store: address of the studies.
    """
    chosen = fitting(refits, corpus.fingerprint)
    for agent in sorted(set(refits) - set(chosen)):
        log.warning("%s: its latest refit is of another corpus or other splits, so the report leaves it out", agent)
    studies = agent_studies(store, {agent: refitted.summary for agent, refitted in chosen.items()})
    report = build_report(corpus, corpus.fingerprint, chosen, stage_costs(studies), config)
    for alarm in report.alarms:
        log.warning(
            "ALARM: %s is no better than the baseline %s: %s %.4f against %.4f on test",
            alarm.agent, alarm.baseline, alarm.metric, alarm.value, alarm.baseline_value,
        )  # fmt: skip
    return report


def build_report(
    corpus: Corpus, data_hash: str, refits: Mapping[str, Refitted], stages: Sequence[StageCost], config: ReportConfig
) -> Report:
    """Score every refitted agent and every baseline on the same test pairs.

    Args:
        refits: of these data (see `fitting`).

    Raises:
        UserError: no agent is refitted, or an agent's predictions are not those that its summary was made from.
    """
    if not refits:
        raise UserError("No agent has a refit on these data, so there is nothing to report: run the pipeline refit first.")
    texts = corpus.posts.set_index("post_id")["text"].to_dict()
    criteria = list(corpus.criteria)
    gold = gold_table(corpus.pairs, corpus.splits, SPLIT)
    bootstrap = {"resamples": config.resamples, "seed": config.seed}
    predictions = {agent: with_gold(refitted.predictions, gold) for agent, refitted in refits.items()}
    found = [evaluate(agent, "agent", table, texts, criteria, **bootstrap) for agent, table in predictions.items()]
    for evaluation in found:
        _check_whole(evaluation, refits[evaluation.name].summary)
    rules = baseline_predictions(corpus, SPLIT)
    found += [evaluate(name, "baseline", table, texts, criteria, **bootstrap) for name, table in rules.items()]
    return Report(
        data_hash=data_hash,
        posts=gold["post_id"].nunique(),
        pairs=len(gold),
        resamples=config.resamples,
        evaluations=found,
        comparisons=compare(predictions, texts, criteria, permutations=config.permutations, **bootstrap),
        alarms=alarms(found),
        decisions=[_decisions(refits[each.name].summary) for each in found if each.kind == "agent" and not each.criterion.derived],
        gains=[gain for agent, table in predictions.items() for gain in gains(agent, table, texts, criteria, **bootstrap)],
        ensembles=[
            AgentEnsemble(agent=agent, **{name: getattr(made, name) for name in EnsembleResult.model_fields})
            for agent, refitted in refits.items()
            if (made := refitted.summary.ensemble) is not None
        ],
        seeds=[_seeds(refitted.summary) for refitted in refits.values()],
        stages=stages,
        missing=[agent for agent in AGENTS if agent not in refits],
    )


def with_gold(predictions: pd.DataFrame, gold: pd.DataFrame) -> pd.DataFrame:
    """The predictions beside the gold columns of today, whose lists are of one kind, whatever file they came from."""
    if list(zip(predictions["post_id"], predictions["criterion"], strict=True)) != list(
        zip(gold["post_id"], gold["criterion"], strict=True)
    ):
        raise ValueError("the predictions are not of the test pairs")
    return pd.concat([gold, predictions.drop(columns=GOLD).reset_index(drop=True)], axis=1)


def _check_whole(evaluation: Evaluation, summary: RefitSummary) -> None:
    """A refit that was cut off between two files would leave predictions of one model beside the summary of another."""
    told, again = summary.test_metrics, {}
    if evaluation.criterion is not None and not evaluation.criterion.derived:
        again |= {"macro_f1": evaluation.criterion.macro.f1.value, "brier": evaluation.criterion.brier.value}
    if evaluation.evidence is not None:
        again["token_f1"] = evaluation.evidence.scores["token_f1"].value
    for name, value in again.items():
        if abs(told[name] - value) > TOLERANCE:
            raise UserError(
                f"The predictions of {summary.agent} give {name} {value:.6f} on test, its summary says {told[name]:.6f}: they "
                f"are not of one refit; run the pipeline refit again."
            )


def _decisions(summary: RefitSummary) -> AgentDecisions:
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


def _seeds(summary: RefitSummary) -> SeedScores:
    values = [value for value in summary.candidates[summary.winner - 1].values if value is not None]
    return SeedScores(
        agent=summary.agent,
        values=values,
        mean=statistics.mean(values),
        standard_deviation=statistics.stdev(values) if len(values) > 1 else 0.0,
    )
