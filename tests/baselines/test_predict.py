"""Baselines: what each one must and cannot reach."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from support.corpus.baseline_corpus import CRITERIA, corpus_of

from psy_agents.baselines.config import BaselinesConfig
from psy_agents.baselines.objectives import baseline_objectives
from psy_agents.baselines.predict import baseline_predictions, baseline_table
from psy_agents.baselines.system import BaselineSetup
from psy_agents.evaluation.calibration import calibrate
from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.predictions import SCORED_SCHEMA
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.refit.decisions import decide, held_out_by_seed
from psy_agents.training.config import TrainingSettings
from psy_agents.training.data import split_pairs
from psy_agents.training.scoring import Answers

REFIT = RefitConfig(seeds=(11, 23), min_support=4)


def setup_with(**tfidf):
    return BaselineSetup(BaselinesConfig.model_validate({"tfidf": tfidf, "embedding": {"use": False}}), REFIT, TrainingSettings())


SETUP = setup_with(c=[0.1, 10.0], ngrams=[1, 2])
@pytest.fixture(scope="module")
def table(corpus):
    return baseline_table(corpus, "test", SETUP)


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
    assert baseline_table(corpus, "test", SETUP) == table


def test_baselines_learn_nothing_from_the_scored_split(table, corpus):
    pairs, splits = corpus.pairs, corpus.splits
    in_test = pairs["post_id"].isin(splits.loc[splits["split"] == "test", "post_id"])
    flipped = pairs.assign(label=np.where(in_test, 1 - pairs["label"], pairs["label"]))
    other = baseline_table(replace(corpus, pairs=flipped), "test", SETUP)
    # The same predictions against opposite labels: right and wrong are swapped.
    assert other["tfidf_logistic"]["micro_precision"] == pytest.approx(1 - table["tfidf_logistic"]["micro_precision"])


def test_validation_chooses_each_baselines_setting():
    """Where the order of words decides, pairs of words are better than words alone, and the grid takes them."""
    texts = [f"{i} {'cold' if i % 2 else 'bad'} day {'bad' if i % 2 else 'cold'} night {i}" for i in range(60)]
    corpus = corpus_of(texts, {"sleep": [text if i % 2 else None for i, text in enumerate(texts)]})
    grid, *alone = (baseline_table(corpus, "validation", setup_with(c=[10.0], ngrams=n))["tfidf_logistic"] for n in ([1, 2], [1], [2]))
    assert grid["macro_f1"] == alone[1]["macro_f1"] == 1.0 > alone[0]["macro_f1"]


def test_decisions_are_those_of_an_agent_from_the_seeds_held_out_pairs(corpus, predictions):
    """Fitted, calibrated and thresholded again by scikit-learn and by the refit's functions."""
    setup = setup_with(c=[10.0], ngrams=[1])
    found = baseline_predictions(corpus, "test", setup)["tfidf_logistic"]
    corpora, _ = held_out_by_seed(corpus, REFIT)

    def probabilities(train, scored):
        texts = list(dict.fromkeys(train.texts))
        vectorizer = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", sublinear_tf=True).fit(texts)
        values = np.zeros(len(scored))
        for criterion in range(2):
            rows, asked = train.criterion == criterion, scored.criterion == criterion
            model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
            model.fit(vectorizer.transform(np.array(train.texts)[rows]), train.labels[rows])
            values[asked] = model.predict_proba(vectorizer.transform(np.array(scored.texts)[asked]))[:, 1]
        return values

    parts = {seed: (split_pairs(each, "train"), split_pairs(each, "validation")) for seed, each in corpora.items()}
    answers = [Answers(probabilities(*part), None) for part in parts.values()]
    decisions = decide(REFIT, corpora, [1], list(parts), answers)
    scored = split_pairs(corpus, "test")
    raw = probabilities(split_pairs(corpus, "train", "validation"), scored)
    expected = calibrate(raw, decisions.temperature, decisions.shift)
    np.testing.assert_allclose(found["probability"], expected, rtol=1e-6)
    assert decisions.thresholds, "criteria with enough positives have a threshold of their own"
    assert found["predicted"].tolist() == (expected >= decisions.thresholds_of(corpus.criteria)[scored.criterion]).tolist()


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
    return baseline_predictions(corpus, "test", SETUP)


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
