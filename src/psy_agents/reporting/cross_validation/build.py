"""The report of a cross-validation: figures of the pooled predictions, next to the baselines on the same folds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pydantic import Field, FiniteFloat

from psy_agents.baselines.predict import baseline_predictions
from psy_agents.baselines.system import BaselineSetup
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.quality_figures import AnnotatorFigures
from psy_agents.corpus.splitting.resplits import cross_validation_fold
from psy_agents.errors import UserError
from psy_agents.evaluation.agreement import annotator_agreement
from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.metrics.registry import TITLES
from psy_agents.evaluation.results import Comparison, Evaluation
from psy_agents.evaluation.significance import compare
from psy_agents.files.schema import Schema
from psy_agents.hpo.cross_validation.run import CrossValidationSummary, in_order_of_pairs
from psy_agents.reporting.config import ReportConfig
from psy_agents.reporting.texts import estimate_with_interval

TEST = "test"


class CrossValidationReport(Schema):
    """The figures of one agent's cross-validation.

    Predictions of all folds are pooled before a metric is computed, so that a rare criterion is scored on all of its positives. Of
    the ways to cross-validate F1 this is the one without bias (Forman and Scholz, "Apples-to-Apples in Cross-Validation Studies",
    SIGKDD Explorations 2010).
    """

    summary: CrossValidationSummary
    posts: int
    evaluations: tuple[Evaluation, ...] = Field(description="Of the agent, then of the baselines, on the pooled predictions.")
    comparisons: tuple[Comparison, ...] = Field(description="Of the agent with each baseline.")
    mean: FiniteFloat = Field(description="Of the folds' objectives on their test posts.")
    standard_deviation: FiniteFloat = Field(description="Of the sample, n - 1. It is no standard error: folds share training posts.")
    annotators: AnnotatorFigures | None = Field(None, description="Their agreement on the corpus; null where they are not named.")


def build_cross_validation(
    corpus: Corpus,
    summary: Mapping[str, Any],
    predictions: pd.DataFrame,
    config: ReportConfig,
    baselines: BaselineSetup,
    ratings: pd.DataFrame,
) -> CrossValidationReport:
    """Score the pooled predictions of an agent's folds, and those of the baselines on the same folds.

    Args:
        ratings: each annotator's, see `psy_agents.corpus.annotators.ratings_of`.

    Raises:
        UserError: the folds are of another corpus, or a baseline cannot be used.
    """
    done = CrossValidationSummary.model_validate(summary)
    if done.data_hash != corpus.fingerprint:
        raise UserError(f"The cross-validation of {done.agent} is of another corpus: run the pipeline cross_validation again.")
    folds = [cross_validation_fold(corpus, done.folds, number, done.seed) for number in range(done.folds)]
    tested = [baseline_predictions(fold, TEST, baselines) for fold in folds]
    compared = {name: in_order_of_pairs(corpus, [tables[name] for tables in tested]) for name in tested[0]}
    given = corpus.posts.set_index("post_id")["text"].to_dict(), list(corpus.criteria)
    options = {"units": corpus.resampling_units, "resamples": config.resamples, "seed": config.seed}
    values = [each.test_value for each in done.results]
    return CrossValidationReport(
        summary=done,
        posts=predictions["post_id"].nunique(),
        evaluations=[
            evaluate(done.agent, "agent", predictions, *given, **options),
            *(evaluate(name, "baseline", table, *given, **options) for name, table in compared.items()),
        ],
        comparisons=compare(
            {done.agent: predictions, **compared}, *given, baselines=set(compared), units=corpus.resampling_units,
            permutations=config.permutations, seed=config.seed,
        ),  # fmt: skip
        mean=statistics.mean(values),
        standard_deviation=statistics.stdev(values),
        annotators=annotator_agreement(ratings, corpus),
    )


def headline(report: CrossValidationReport) -> str:
    """The cross-validation in one sentence."""
    done, agent = report.summary, report.evaluations[0]
    pooled = ", ".join(f"{TITLES[metric]} {estimate_with_interval(agent.estimate(metric))}" for metric in agent.objectives)
    return (
        f"{done.agent}: {pooled} on the pooled predictions of {done.folds} folds ({report.posts:,} posts, each tested once); "
        f"objective by fold: mean {report.mean:.3f}, standard deviation {report.standard_deviation:.3f}, which is no standard error"
    )
