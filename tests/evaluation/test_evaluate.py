"""Every metric of an evaluation against plain computations, its interval against scipy's and on resamples that are written out."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, classification_report, precision_recall_fscore_support
from support.effort import counted

from psy_agents.evaluation.bootstrap import resample_weights
from psy_agents.evaluation.classification import classification_metrics
from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.evidence import EvidenceScorer
from psy_agents.evaluation.intervals import biased_interval, exact_f1_interval, f1_interval, mean_interval, ranking_interval
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
    (drawn,) = resample_weights(np.arange(len(posts)), RESAMPLES, seed=5, rows=RESAMPLES)
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


def check(estimate, value, interval):
    """An estimate has this value and this interval."""
    assert estimate.value == pytest.approx(value, abs=1e-12)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(interval), abs=1e-9)
    assert estimate.low <= estimate.value <= estimate.high and estimate.low < estimate.high


def share(hits, cases):
    """Clopper and Pearson's interval by scipy."""
    return tuple(binomtest(int(hits), int(cases)).proportion_ci(method="exact")) if cases else (0.0, 1.0)


def class_figures(table):
    """Value and interval of each class metric, each pair on its own, from labels and decisions."""
    label, predicted = table["label"] == 1, table["predicted"] == 1
    hits, union = (label & predicted).sum(), (label | predicted).sum()
    precision, recall, f1, _ = precision_recall_fscore_support(label, predicted, average="binary", zero_division=0)
    return {
        "precision": (precision, share(hits, predicted.sum())),
        "recall": (recall, share(hits, label.sum())),
        "f1": (f1, f1_interval(hits / union, union)),
    }


def plain_scores(table):
    """Precision, recall and F1; NaN without a positive."""
    label, predicted = table["label"].to_numpy(dtype=bool), table["predicted"].to_numpy(dtype=bool)
    hits, chosen, positive = (label & predicted).sum(), predicted.sum(), label.sum()
    return (hits / max(chosen, 1), hits / positive, 2 * hits / (chosen + positive)) if positive else (np.nan,) * 3


def positive_or_predicted(table, criteria):
    """The rows of each criterion that are positive or predicted."""
    return [table[(table["criterion"] == name) & ((table["label"] == 1) | (table["predicted"] == 1))] for name in criteria]


def test_a_criterion_has_scikit_learns_scores_and_scipys_intervals(evaluation, resamples):
    for criterion in ("sleep", "rare", "macro"):
        chosen = [table[table["criterion"] == criterion] for table in resamples]
        found = evaluation.criterion.per_criterion[criterion]
        for name, (value, interval) in class_figures(chosen[0]).items():
            check(found.estimate(name), value, interval)
        draws = [average_precision_score(t["label"], t["probability"]) if t["label"].any() else np.nan for t in chosen]
        positives = chosen[0]["label"].to_numpy(dtype=float)
        check(found.auprc, draws[0], ranking_interval(draws[0], np.array(draws[1:]), positives, np.arange(len(positives))))
        assert (found.support, found.predicted) == (chosen[0]["label"].sum(), chosen[0]["predicted"].sum())


def test_macro_means_have_an_interval_from_those_of_their_criteria(evaluation, resamples, corpus):
    tables = pd.DataFrame([classification(table, corpus.criteria) for table in resamples])
    present = ["sleep", "mood", "rare", "macro"]
    parts = [[table[table["criterion"] == criterion] for criterion in present] for table in resamples[1:]]
    plain = np.array([[plain_scores(part) for part in row] for row in parts])  # (resamples, criteria, metrics)
    for number, name in enumerate(("precision", "recall", "f1")):
        each, draws = [evaluation.criterion.per_criterion[criterion].estimate(name) for criterion in present], plain[:, :, number]
        ends, values = np.array([(e.low, e.high) for e in each]).T, np.array([e.value for e in each])
        value = tables[f"macro_{name}"][0]
        interval = mean_interval(value, values, ends, draws)
        if name == "f1":
            sizes = [len(rows) for rows in positive_or_predicted(resamples[0], present)]
            ends = np.array([exact_f1_interval(*each) for each in zip(values / (2 - values), sizes, strict=True)]).T
            interval = mean_interval(value, values, ends, draws)
        check(evaluation.criterion.macro.estimate(name), value, interval)
    assert evaluation.criterion.macro.auprc.value == pytest.approx(tables["macro_auprc"][0])
    predicted = resamples[0].groupby("criterion")["predicted"].sum()
    assert evaluation.criterion.macro.predicted == predicted.drop("never").sum() < evaluation.criterion.micro.predicted
    assert evaluation.criterion.micro.predicted == predicted.sum()


def test_micro_means_count_all_pairs_and_are_wider_than_if_these_were_independent(evaluation, resamples):
    for name, (value, interval) in class_figures(resamples[0]).items():
        found = evaluation.criterion.micro.estimate(name)
        assert found.value == pytest.approx(value)
        assert found.high - found.low > 0.95 * (interval[1] - interval[0])
    assert evaluation.criterion.micro.auprc.value == pytest.approx(
        average_precision_score(resamples[0]["label"], resamples[0]["probability"])
    )


def test_calibration_errors_take_the_bias_of_resamples_off(evaluation, resamples, corpus):
    tables = pd.DataFrame([classification(table, corpus.criteria) for table in resamples])
    check(evaluation.criterion.ece, tables["ece"][0], biased_interval(tables["ece"][0], tables["ece"][1:].to_numpy()))
    brier, spread = evaluation.criterion.brier, tables["brier"][1:].std()
    assert brier.value == pytest.approx(tables["brier"][0])
    assert (brier.high - brier.low) / (2 * 1.96 * spread) == pytest.approx(1, abs=0.3)


def test_a_perfect_system_on_few_posts_is_not_certain(random_corpus):
    corpus = random_corpus(38)
    perfect = corpus.system(1.0)
    values = perfect["label"].to_numpy(dtype=float)
    perfect = perfect.assign(predicted=perfect["label"], probability=0.1 + 0.8 * values, spans=perfect["gold_spans"])
    found = evaluate("perfect", "agent", perfect, corpus.texts, corpus.criteria, resamples=RESAMPLES)
    for scores in (*found.criterion.per_criterion.values(), found.criterion.macro, found.criterion.micro, found.criterion.no_symptoms):
        for name in ("precision", "recall", "f1", "auprc"):
            if (estimate := scores.estimate(name)) is not None:
                assert estimate.low < estimate.value - 0.01 and estimate.high == pytest.approx(1), name
    exact = found.criterion.exact_match
    assert (exact.low, exact.high) == pytest.approx(share(found.posts, found.posts))
    for name in ("token_f1", "sentence_recall", "exact_match", "character_iou", "no_answer_accuracy"):
        assert found.evidence.scores[name].low < 0.99 and found.evidence.scores[name].value == 1, name


def test_posts_of_one_author_count_less_than_as_many_independent_ones(random_corpus):
    corpus = random_corpus(30)
    table = corpus.system(0.6)
    posts = table["post_id"].unique()
    copies = pd.concat([table.assign(post_id=table["post_id"] + f"-{copy}") for copy in range(3)], ignore_index=True)
    texts = {f"{post}-{copy}": text for post, text in corpus.texts.items() for copy in range(3)}
    units = {f"{post}-{copy}": post for post in posts for copy in range(3)}
    single = evaluate("a", "agent", table, corpus.texts, corpus.criteria, resamples=RESAMPLES)
    apart, together = (
        evaluate("a", "agent", copies, texts, corpus.criteria, units=given, resamples=RESAMPLES) for given in (None, units)
    )
    for of in (lambda e: e.criterion.macro.f1, lambda e: e.criterion.exact_match, lambda e: e.evidence.scores["token_f1"]):
        widths = [of(each).high - of(each).low for each in (apart, single, together)]
        assert widths[0] < 0.75 * widths[1] < widths[2] < 1.35 * widths[1], "three copies of a post say no more than one"
    with pytest.raises(ValueError, match="1 posts .* have no resampling unit"):
        evaluate("a", "agent", copies, texts, corpus.criteria, units={name: 0 for name in list(texts)[1:]})


def test_posts_without_a_met_criterion_are_a_separate_class(evaluation, table):
    posts = table.assign(right=table["label"] == table["predicted"]).groupby("post_id")
    gold, predicted = posts["label"].max() == 0, posts["predicted"].max() == 0
    found = evaluation.criterion.no_symptoms
    for name, (value, interval) in class_figures(pd.DataFrame({"label": gold, "predicted": predicted})).items():
        check(found.estimate(name), value, interval)
    assert found.auprc.value == pytest.approx(average_precision_score(gold, -posts["probability"].max()))
    right = posts["right"].all()
    check(evaluation.criterion.exact_match, right.mean(), share(right.sum(), len(right)))


def test_averages_over_criteria_and_no_symptoms_are_those_of_a_classification_report(evaluation, table):
    """ReDSM5's authors have ten classes: NO_SYMPTOMS is one, and a class without a positive counts as 0."""
    wide = {name: table.pivot(index="post_id", columns="criterion", values=name) for name in ("label", "predicted")}
    gold, predicted = (each.fillna(0).astype(int) for each in wide.values())
    gold, predicted = (each.assign(no_symptoms=(each.sum(axis=1) == 0).astype(int)) for each in (gold, predicted))
    assert gold["never"].sum() == 0 < gold["no_symptoms"].sum()
    report = classification_report(gold, predicted, output_dict=True, zero_division=0)
    for name, found in evaluation.criterion.averages.items():
        expected = report[f"{name} avg"]
        assert [found.precision, found.recall, found.f1] == pytest.approx([expected[key] for key in ("precision", "recall", "f1-score")])
    assert set(evaluation.criterion.averages) == {"micro", "macro", "weighted", "samples"}
    assert evaluation.criterion.averages["micro"].f1 != pytest.approx(evaluation.criterion.micro.f1.value, abs=1e-3)


def test_evidence_metrics_equal_the_scorers(evaluation, resamples, corpus):
    metrics = pd.DataFrame([evidence(table, corpus.texts) for table in resamples])
    assert set(evaluation.evidence.scores) == set(metrics)
    for name, estimate in evaluation.evidence.scores.items():
        assert estimate.value == pytest.approx(metrics[name][0], abs=1e-12)
        low, high = np.quantile(metrics[name][1:], [0.025, 0.975])
        assert 0.6 * (high - low) < estimate.high - estimate.low < 2 * (high - low), "as wide as a bootstrap's, about"


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
    assert evaluation.evidence.support == table[known & (table["label"] == 1)]["criterion"].value_counts().to_dict()


def test_a_criterion_without_a_positive_has_no_score(evaluation):
    scores = evaluation.criterion.per_criterion["never"]
    assert scores.support == 0 and scores.predicted > 0
    assert [scores.estimate(name) for name in ("precision", "recall", "f1", "auprc")] == [None] * 4


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
    assert [(part.name, part.pairs, part.token_f1) for part in parts] == [("100 words", len(table), None)]


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
