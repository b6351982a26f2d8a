"""Baselines: what each one must and cannot reach."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from psy_agents.corpus.config import SplitSettings
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.pairs import build_pairs
from psy_agents.corpus.prepare import split_corpus
from psy_agents.evaluation.baselines import baseline_objectives, baseline_predictions, baseline_table
from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.predictions import SCORED_SCHEMA

CRITERIA = {"sleep": "Sleeps badly, lies awake at night.", "grey": "Feels low, every day is grey.", "never": "Never met."}
SENTENCES = {"sleep": "I lie awake at night number {}.", "grey": "My day {} is grey and low."}


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)
    posts, annotations = [], []
    for i in range(120):
        parts = [f"Hello from post {i}.", f"The weather was {rng.choice(['fine', 'wet'])}.", f"I went out {i}."]
        for criterion, wording in SENTENCES.items():
            if rng.random() < 0.3:
                parts.insert(rng.integers(1, len(parts) + 1), wording.format(i))
                annotations.append((f"p{i}", wording.format(i), criterion, 1))
        posts.append((f"p{i}", " ".join(parts)))
    posts = pd.DataFrame(posts, columns=["post_id", "text"])
    annotations = pd.DataFrame(annotations, columns=["post_id", "sentence_text", "criterion", "status"])
    pairs = build_pairs(posts, annotations.astype({"status": "int8"}), CRITERIA).pairs
    settings = SplitSettings(train=0.6, validation=0.2, test=0.2, near_duplicates=None)
    return Corpus(posts, pairs, pd.DataFrame(), split_corpus(posts, pairs, settings), CRITERIA)


@pytest.fixture(scope="module")
def table(corpus):
    return baseline_table(corpus, "test")


def test_the_table_has_every_baseline_of_both_kinds(table):
    criteria = [name for name, metrics in table.items() if "macro_f1" in metrics]
    evidence = [name for name, metrics in table.items() if "token_f1" in metrics]
    assert criteria == ["all_positive", "majority", "tfidf_logistic"]
    assert evidence == ["whole_post", "first_sentence", "tfidf_sentence", "tfidf_logistic_sentence"]


def test_all_positive_has_full_recall_and_the_prevalence_as_precision(table, corpus):
    pairs, splits = corpus.pairs, corpus.splits
    scored = pairs.merge(splits[splits["split"] == "test"])
    assert table["all_positive"]["macro_recall"] == 1.0
    assert table["all_positive"]["micro_precision"] == pytest.approx(scored["label"].mean())


def test_majority_predicts_nothing_of_rare_criteria_and_is_calibrated(table):
    assert table["majority"]["macro_f1"] == 0.0
    assert table["majority"]["ece"] < 0.1


def test_tfidf_logistic_learns_the_words_of_a_criterion(table):
    assert table["tfidf_logistic"]["macro_f1"] > 0.9


def test_whole_post_has_full_recall_and_low_precision(table):
    assert table["whole_post"]["token_recall"] == table["whole_post"]["answer_recall"] == 1.0
    assert table["whole_post"]["token_precision"] < 0.2
    assert table["first_sentence"]["token_f1"] == 0.0


def test_the_nearest_sentence_is_the_evidence_of_this_corpus(table):
    assert table["tfidf_sentence"]["token_f1"] > 0.9
    assert table["tfidf_logistic_sentence"]["exact_match"] > 0.9


def test_the_table_is_reproducible(table, corpus):
    assert baseline_table(corpus, "test") == table


def test_baselines_learn_nothing_from_the_scored_split(table, corpus):
    pairs, splits = corpus.pairs, corpus.splits
    in_test = pairs["post_id"].isin(splits.loc[splits["split"] == "test", "post_id"])
    flipped = pairs.assign(label=np.where(in_test, 1 - pairs["label"], pairs["label"]))
    other = baseline_table(replace(corpus, pairs=flipped), "test")
    # The same predictions against opposite labels: right and wrong are swapped.
    assert other["tfidf_logistic"]["micro_precision"] == pytest.approx(1 - table["tfidf_logistic"]["micro_precision"])


@pytest.mark.parametrize("metric", ["macro_f1", "token_f1"])
def test_an_objective_of_one_side_has_every_baseline_of_that_side(table, metric):
    assert baseline_objectives(table, (metric,), 0.5) == {name: m[metric] for name, m in table.items() if metric in m}


def test_an_objective_of_both_sides_is_the_weighted_mean_of_paired_baselines(table):
    reached = baseline_objectives(table, ("macro_f1", "token_f1"), 0.25)
    assert set(reached) == {"all_positive", "tfidf_logistic"}
    expected = 0.75 * table["tfidf_logistic"]["macro_f1"] + 0.25 * table["tfidf_logistic_sentence"]["token_f1"]
    assert reached["tfidf_logistic"] == pytest.approx(expected)


@pytest.fixture(scope="module")
def predictions(corpus):
    return baseline_predictions(corpus, "test")


def test_every_baseline_predicts_each_pair_of_the_split_in_order(predictions, table, corpus):
    pairs, splits = corpus.pairs, corpus.splits
    expected = pairs[pairs["post_id"].isin(splits.loc[splits["split"] == "test", "post_id"])]
    assert list(predictions) == list(table)
    for found in predictions.values():
        assert list(found) == SCORED_SCHEMA.names
        assert found[["post_id", "criterion", "label"]].values.tolist() == expected[["post_id", "criterion", "label"]].values.tolist()


def test_criteria_baselines_predict_no_spans_and_evidence_baselines_only_spans(predictions, table):
    for name, found in predictions.items():
        spans = "token_f1" in table[name]
        assert found["spans"].notna().all() == found["probability"].isna().all() == spans
        assert found["spans"].isna().all() == found["probability"].notna().all() == (not spans)
        if spans:
            assert found["predicted"].tolist() == [len(spans) > 0 for spans in found["spans"]]


def test_evaluating_the_predictions_gives_the_table(predictions, table, corpus):
    texts = dict(zip(corpus.posts["post_id"], corpus.posts["text"], strict=True))
    for name, found in predictions.items():
        evaluation = evaluate(name, "baseline", found, texts, list(CRITERIA), resamples=0)
        if evaluation.criterion is None:
            scores = {metric: estimate.value for metric, estimate in evaluation.evidence.scores.items()}
            assert scores == pytest.approx(table[name], abs=1e-12)
        else:
            macro = evaluation.criterion.macro
            assert (macro.f1.value, macro.auprc.value, evaluation.criterion.ece.value) == pytest.approx(
                (table[name]["macro_f1"], table[name]["macro_auprc"], table[name]["ece"]), abs=1e-12
            )
