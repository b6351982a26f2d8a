"""The report of a cross-validation: pooled figures, baselines on the same folds, a table and a page without text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.reporting.metric_names import raw_metric_names
from support.small_search import CANARY, build_corpus, training_settings

from psy_agents.baselines.config import BaselinesConfig
from psy_agents.baselines.system import BaselineSetup
from psy_agents.corpus.splitting.resplits import cross_validation_fold
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import gold_table, predictions_table
from psy_agents.hpo.cross_validation.run import in_order_of_pairs
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.reporting.config import ReportConfig
from psy_agents.reporting.cross_validation.build import build_cross_validation, headline
from psy_agents.reporting.cross_validation.page import cross_validation_page, cross_validation_table

FOLDS = 3
VALUES = (0.7, 0.5, 0.9)


@pytest.fixture(scope="module")
def corpus():
    return build_corpus()


def result(corpus, number: int) -> dict:
    fold = cross_validation_fold(corpus, FOLDS, number, 0)
    return {
        "fold": number, "posts": fold.splits["split"].value_counts().to_dict(), "data_hash": fold.fingerprint,
        "search_study": f"criteria-stage2-fine_fold{number}", "final_study": f"criteria-stage3-final-{number}", "searched_value": 0.8,
        "confirmed_value": 0.75, "test_value": VALUES[number], "test_metrics": {}, "params": {"learning_rate": 10.0**-number}, "epochs": 4,
    }  # fmt: skip


@pytest.fixture(scope="module")
def report(corpus):
    """Predictions that are right but for the first four pairs of each fold's test posts."""
    tables = []
    for number in range(FOLDS):
        fold = cross_validation_fold(corpus, FOLDS, number, 0)
        gold = gold_table(fold.pairs, fold.splits, "test")
        right = gold["label"].to_numpy(dtype=bool)
        predicted = np.where(np.arange(len(gold)) < 4, ~right, right)
        tables.append(predictions_table(gold, probabilities=np.where(predicted, 0.8, 0.2), predicted=predicted, spans=None))
    summary = {
        "agent": "criteria", "folds": FOLDS, "seed": 0, "search": "staged", "data_hash": corpus.fingerprint,
        "results": [result(corpus, number) for number in range(FOLDS)],
    }  # fmt: skip
    setup = BaselineSetup(BaselinesConfig.model_validate({"embedding": {"use": False}}), RefitConfig(n_seeds=2), training_settings("none"))
    config = ReportConfig(resamples=100, permutations=100)
    rows = corpus.pairs[["post_id", "criterion", "label", "starts", "ends", "evidence_known"]]
    ratings = pd.concat([rows.assign(annotator=number) for number in range(2)], ignore_index=True)
    return build_cross_validation(corpus, summary, in_order_of_pairs(corpus, tables), config, setup, ratings)


def test_figures_are_those_of_the_pooled_predictions(corpus, report):
    agent, *baselines = report.evaluations
    positives = corpus.pairs.groupby("criterion")["label"].sum()
    assert (agent.name, agent.posts, agent.pairs) == ("criteria", 40, 80)
    assert {name: scores.support for name, scores in agent.criterion.per_criterion.items()} == positives.to_dict(), "all are tested"
    labels, wrong = corpus.pairs["label"].sum(), 4 * FOLDS
    assert 2 * labels / (2 * labels + wrong) - 0.2 < agent.criterion.micro.estimate("f1").value < 1
    assert (report.mean, report.standard_deviation) == pytest.approx((0.7, 0.2))
    assert {each.posts for each in baselines} == {40}
    assert all(each.first == "criteria" and each.with_baseline for each in report.comparisons)


def test_the_table_has_every_score_and_the_page_no_text(report):
    table = cross_validation_table(report)
    assert set(table["system"]) == {each.name for each in report.evaluations}
    assert {"f1", "token_f1"} <= set(table["metric"])
    page = cross_validation_page(report)
    assert "±" not in page and "The first two chose the winner and are too high on average" in page
    assert all(each in page for each in ("0.700", "lowest", "highest", "0.200"))
    assert "criteria-stage3-final-2" in page and "Forman" not in page
    assert "2 annotators agree with each other with a macro-F1 of 1.000" in page and "with a token-F1 of 1.000" in page
    assert "one annotator against another" in page
    assert raw_metric_names(page) == set() and headline(report).startswith("criteria: macro-F1 0.")
    assert CANARY not in page and CANARY not in headline(report)
    assert "3 folds (40 posts, each tested once); objective by fold: mean 0.700, standard deviation 0.200" in headline(report)


def test_folds_of_another_corpus_and_folds_that_miss_a_pair_are_refused(corpus, report):
    summary = report.summary.model_dump() | {"data_hash": "other"}
    with pytest.raises(UserError, match="is of another corpus"):
        build_cross_validation(corpus, summary, pd.DataFrame(), ReportConfig(), None, pd.DataFrame())
    with pytest.raises(ValueError, match="each pair once"):
        in_order_of_pairs(corpus, [corpus.pairs.head(79)])
