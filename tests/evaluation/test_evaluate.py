"""Every metric of an evaluation against plain computations on resamples whose rows are written out."""


import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, precision_recall_fscore_support
from support.effort import counted

from psy_agents.evaluation.bootstrap import resample_weights
from psy_agents.evaluation.classification import classification_metrics
from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.evidence import EvidenceScorer
from psy_agents.evaluation.metrics.criteria.ece import ECE
from psy_agents.evaluation.predictions import read_predictions, write_predictions

RESAMPLES = 60


@pytest.fixture(scope="module")
def corpus(random_corpus):
    return random_corpus(40)


@pytest.fixture(scope="module")
def table(corpus):
    return corpus.system(0.6)


@pytest.fixture(scope="module")
def evaluation(corpus, table):
    return evaluate("share", "agent", table, corpus.texts, corpus.criteria, resamples=RESAMPLES, seed=5)


@pytest.fixture(scope="module")
def resamples(table):
    """The table, and then each resample: a post that is drawn twice is two posts."""
    posts = table["post_id"].unique()
    rows = {post: table[table["post_id"] == post] for post in posts}
    (drawn,) = resample_weights(len(posts), RESAMPLES, seed=5, rows=RESAMPLES)
    written_out = [
        pd.concat(
            [rows[post].assign(copy=i) for post, n in zip(posts, weights.astype(int), strict=True) for i in range(n)],
            ignore_index=True,
        )
        for weights in drawn
    ]
    return [table.assign(copy=0), *written_out]


def classification(table, criteria):
    index = pd.Index(criteria).get_indexer(table["criterion"])
    label, probability, predicted = (table[name].to_numpy() for name in ("label", "probability", "predicted"))
    return classification_metrics(label, probability, predicted, index, criteria)


def evidence(table, texts):
    def spans(column):
        return [[(span["start"], span["end"]) for span in cell] for cell in table[column]]

    scorer = EvidenceScorer([texts[p] for p in table["post_id"]], spans("gold_spans"), table["evidence_known"])
    return scorer.score(spans("spans"))


def check(estimate, values):
    """An estimate is the first value, with the percentiles of the others that are defined."""
    assert estimate.value == pytest.approx(values[0], abs=1e-12)
    assert [estimate.low, estimate.high] == pytest.approx(np.nanquantile(values[1:], [0.025, 0.975]), abs=1e-12)
    assert estimate.low < estimate.high


def test_means_over_criteria_and_pairs_equal_classification_metrics_on_written_out_resamples(evaluation, resamples, corpus):
    metrics = pd.DataFrame([classification(table, corpus.criteria) for table in resamples])
    for mean in ("macro", "micro"):
        scores = getattr(evaluation.criterion, mean)
        for name in ("precision", "recall", "f1"):
            check(getattr(scores, name), metrics[f"{mean}_{name}"])
    check(evaluation.criterion.macro.auprc, metrics["macro_auprc"])
    check(evaluation.criterion.ece, metrics["ece"])
    check(evaluation.criterion.brier, metrics["brier"])
    predicted = resamples[0].groupby("criterion")["predicted"].sum()
    assert evaluation.criterion.macro.predicted == predicted.drop("never").sum() < evaluation.criterion.micro.predicted
    assert evaluation.criterion.micro.predicted == predicted.sum()
    micro = [average_precision_score(table["label"], table["probability"]) for table in resamples]
    check(evaluation.criterion.micro.auprc, micro)


@pytest.mark.parametrize("criterion", ["sleep", "rare", "macro"])
def test_a_criterions_scores_equal_scikit_learns_where_it_has_a_positive(evaluation, resamples, criterion):
    chosen = [table[table["criterion"] == criterion] for table in resamples]
    scores = [
        (
            *precision_recall_fscore_support(table["label"], table["predicted"], average="binary", zero_division=0)[:3],
            average_precision_score(table["label"], table["probability"]),
        )
        if table["label"].any()
        else (np.nan,) * 4
        for table in chosen
    ]
    found = evaluation.criterion.per_criterion[criterion]
    for name, values in zip(("precision", "recall", "f1", "auprc"), zip(*scores, strict=True), strict=True):
        check(getattr(found, name), values)
    assert (found.support, found.predicted) == (chosen[0]["label"].sum(), chosen[0]["predicted"].sum())


def test_posts_without_a_met_criterion_are_a_separate_class(evaluation, resamples):
    scores, exact = [], []
    for table in resamples:
        posts = table.assign(right=table["label"] == table["predicted"]).groupby(["post_id", "copy"])
        gold, predicted = posts["label"].max() == 0, posts["predicted"].max() == 0
        exact.append(posts["right"].all().mean())
        scores.append(
            (
                *precision_recall_fscore_support(gold, predicted, average="binary", zero_division=0)[:3],
                average_precision_score(gold, -posts["probability"].max()),
            )
        )
    found = evaluation.criterion.no_symptoms
    for name, values in zip(("precision", "recall", "f1", "auprc"), zip(*scores, strict=True), strict=True):
        check(getattr(found, name), values)
    check(evaluation.criterion.exact_match, exact)


def test_evidence_metrics_equal_the_scorers_on_written_out_resamples(evaluation, resamples, corpus):
    metrics = pd.DataFrame([evidence(table, corpus.texts) for table in resamples])
    assert set(evaluation.evidence.scores) == set(metrics)
    for name, estimate in evaluation.evidence.scores.items():
        check(estimate, metrics[name])


def test_evidence_metrics_by_criterion_cover_the_criteria_with_evidence(evaluation, table, corpus):
    assert set(evaluation.evidence.per_criterion) == {"sleep", "mood", "rare", "macro"}
    for criterion, metrics in evaluation.evidence.per_criterion.items():
        assert metrics == pytest.approx(evidence(table[table["criterion"] == criterion], corpus.texts), abs=1e-12)


def test_an_evaluation_counts_posts_and_pairs(evaluation, table):
    known = table["evidence_known"]
    assert (evaluation.posts, evaluation.pairs) == (table["post_id"].nunique(), len(table))
    assert evaluation.evidence.pairs + evaluation.evidence.pairs_unknown == len(table)
    assert evaluation.evidence.pairs_unknown == (~known).sum() > 0
    assert evaluation.evidence.pairs_with_evidence == (known & (table["label"] == 1)).sum()


def test_a_criterion_without_a_positive_scores_zero_and_has_no_interval(evaluation):
    scores = evaluation.criterion.per_criterion["never"]
    assert scores.support == 0 and scores.predicted > 0
    assert scores.f1.model_dump() == {"value": 0.0, "low": None, "high": None}
    assert scores.auprc is None


def test_reliability_bins_hold_every_pair_and_give_the_calibration_error(evaluation, table):
    bins = evaluation.criterion.reliability
    assert sum(part.pairs for part in bins) == len(table)
    assert all(part.pairs and part.low <= part.mean_probability <= part.high for part in bins)
    gap = sum(part.pairs * abs(part.mean_probability - part.share_positive) for part in bins) / len(table)
    assert gap == pytest.approx(ECE.value(table["label"].to_numpy(), table["probability"].to_numpy()))


def test_errors_by_origin_and_criterion_are_those_of_their_pairs(evaluation, table, corpus):
    for part in evaluation.errors:
        if part.group != "length":
            rows = table[table[part.group] == part.name]
            assert (part.pairs, part.positives) == (len(rows), rows["label"].sum())
            assert part.false_positives == ((rows["predicted"] == 1) & (rows["label"] == 0)).sum()
            assert part.false_negatives == ((rows["predicted"] == 0) & (rows["label"] == 1)).sum()
            known_evidence = rows["evidence_known"] & (rows["label"] == 1)
            expected = evidence(rows, corpus.texts)["token_f1"] if known_evidence.any() else None
            assert part.token_f1 == (None if expected is None else pytest.approx(expected))
    assert [part.name for part in evaluation.errors if part.group == "origin"] == [
        "positive",
        "explicit_negative",
        "implicit_negative",
    ]


def test_errors_by_length_split_the_posts_into_quarters(evaluation, table, corpus):
    parts = [part for part in evaluation.errors if part.group == "length"]
    assert len(parts) == 4 and sum(part.pairs for part in parts) == len(table)
    words = table["post_id"].map(lambda post: len(corpus.texts[post].split()))
    for part in parts:
        low, high = map(int, part.name.removesuffix(" words").split("-"))
        inside = words.between(low, high)
        assert part.pairs == inside.sum()
        assert table[inside]["post_id"].nunique() == pytest.approx(table["post_id"].nunique() / 4, abs=4)


def test_posts_of_one_length_are_one_slice(random_corpus):
    corpus = random_corpus(6)
    texts = dict.fromkeys(corpus.texts, "low " * 100)
    table = corpus.system(0.5, spans=False)
    parts = [part for part in evaluate("a", "agent", table, texts, corpus.criteria, resamples=0).errors if part.group == "length"]
    assert [(part.name, part.pairs, part.token_f1) for part in parts] == [("100-100 words", len(table), None)]


def test_a_model_that_predicts_only_spans_has_derived_decisions_without_probabilities(corpus):
    table = corpus.system(0.6, probabilities=False)
    found = evaluate("evidence", "agent", table, corpus.texts, corpus.criteria, resamples=20).criterion
    assert found.derived
    assert (found.ece, found.brier, found.reliability, found.macro.auprc, found.no_symptoms.auprc) == (None, None, (), None, None)
    in_spans = table.assign(probability=table["spans"].map(len).gt(0).astype(float))
    assert found.macro.f1.value == pytest.approx(classification(in_spans, corpus.criteria)["macro_f1"], abs=1e-12)
    assert evaluate("whole_post", "baseline", table, corpus.texts, corpus.criteria, resamples=0).criterion is None


def test_a_model_that_predicts_only_criteria_has_no_evidence(corpus):
    table = corpus.system(0.6, spans=False)
    found = evaluate("criteria", "agent", table, corpus.texts, corpus.criteria, resamples=0)
    assert found.evidence is None and not found.criterion.derived
    assert {part.token_f1 for part in found.errors} == {None}


def test_a_saved_table_gives_the_same_evaluation(evaluation, table, corpus, tmp_path):
    write_predictions(table, tmp_path / "predictions.parquet")
    again = read_predictions(tmp_path / "predictions.parquet")
    assert evaluate("share", "agent", again, corpus.texts, corpus.criteria, resamples=RESAMPLES, seed=5) == evaluation
    write_predictions(corpus.system(0.6, spans=False), tmp_path / "criteria.parquet")
    criteria_alone = read_predictions(tmp_path / "criteria.parquet")
    assert evaluate("criteria", "agent", criteria_alone, corpus.texts, corpus.criteria, resamples=0).evidence is None


def test_another_order_of_the_pairs_gives_the_same_metrics(evaluation, table, corpus):
    shuffled = table.sample(frac=1, random_state=0)
    found = evaluate("share", "agent", shuffled, corpus.texts, corpus.criteria, resamples=0)
    assert found.criterion.macro.f1.value == pytest.approx(evaluation.criterion.macro.f1.value)
    assert found.criterion.exact_match.value == evaluation.criterion.exact_match.value
    assert found.evidence.scores["token_f1"].value == evaluation.evidence.scores["token_f1"].value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table[:0], "no pairs"),
        (lambda table: table.assign(criterion="other"), "other criteria"),
        (lambda table: table.assign(probability=[np.nan, *table["probability"][1:]]), "probability of some pairs only"),
        (lambda table: table.assign(spans=[None, *table["spans"][1:]]), "spans of some pairs only"),
        (lambda table: table.assign(post_id="secret"), "1 posts .* have no text"),
    ],
)
def test_a_table_that_cannot_be_scored_is_refused_without_naming_a_post(corpus, table, change, message):
    with pytest.raises(ValueError, match=message) as error:
        evaluate("a", "agent", change(table), corpus.texts, corpus.criteria)
    assert "secret" not in str(error.value)


def test_no_function_is_called_for_each_pair_of_each_resample(random_corpus):
    corpus = random_corpus(450)
    table = corpus.system(0.6)
    _, calls = counted(lambda: evaluate("share", "agent", table, corpus.texts, corpus.criteria))
    assert calls < 200_000
