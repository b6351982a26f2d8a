"""The paired test by post, against all swaps written out; Holm's correction against values worked out by hand."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from psy_agents.evaluation.bootstrap import resample_weights
from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.significance import compare, holm


@pytest.fixture(scope="module")
def corpus(random_corpus):
    return random_corpus(40)


def objectives(table, corpus):
    found = evaluate("a", "agent", table, corpus.texts, corpus.criteria, resamples=0)
    return {"macro_f1": found.criterion.macro.f1.value, "token_f1": found.evidence.scores["token_f1"].value}


def test_a_system_compared_with_itself_has_p_value_one(corpus):
    table = corpus.system(0.5)
    for comparison in compare({"a": table, "b": table.copy()}, corpus.texts, corpus.criteria, permutations=200):
        assert comparison.p_value == comparison.p_holm == 1.0
        assert comparison.difference.model_dump() == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_a_far_better_system_is_better_by_more_than_chance(corpus):
    tables = {"good": corpus.system(0.95), "poor": corpus.system(0.1, seed=1)}
    for comparison in compare(tables, corpus.texts, corpus.criteria, permutations=999):
        assert comparison.p_value == 1 / 1000
        assert comparison.difference.low > 0


def test_differences_are_those_of_the_evaluations(corpus):
    tables = {"a": corpus.system(0.7), "b": corpus.system(0.5, seed=1)}
    found = {c.metric: c.difference.value for c in compare(tables, corpus.texts, corpus.criteria, permutations=9)}
    a, b = (objectives(table, corpus) for table in tables.values())
    assert found == pytest.approx({metric: a[metric] - b[metric] for metric in a}, abs=1e-12)


def test_the_p_value_is_the_share_of_all_swaps_with_at_least_the_observed_difference(random_corpus):
    corpus = random_corpus(7, seed=5)
    a, b = corpus.system(0.9), corpus.system(0.3, seed=1)
    columns = ["probability", "predicted", "spans"]
    all_differences = {"macro_f1": [], "token_f1": []}
    for swaps in product([False, True], repeat=7):
        rows = a["post_id"].map(dict(zip(a["post_id"].unique(), swaps, strict=True))).to_numpy()
        first, second = a.copy(), b.copy()
        first.loc[rows, columns], second.loc[rows, columns] = b.loc[rows, columns], a.loc[rows, columns]
        one, other = objectives(first, corpus), objectives(second, corpus)
        for metric, differences in all_differences.items():
            differences.append(abs(one[metric] - other[metric]))  # The first is that of no swap.
    for comparison in compare({"a": a, "b": b}, corpus.texts, corpus.criteria, permutations=20_000):
        differences = np.array(all_differences[comparison.metric])
        exact = np.mean(differences >= differences[0] - 1e-12)
        assert 0.02 < exact < 0.9
        assert comparison.p_value == pytest.approx(exact, abs=0.015)


def test_the_interval_of_a_difference_resamples_the_same_posts_for_both_systems(corpus):
    a, b = corpus.system(0.7), corpus.system(0.5, seed=1)
    posts = a["post_id"].unique()
    (drawn,) = resample_weights(len(posts), 30, seed=2, rows=30)
    differences = {"macro_f1": [], "token_f1": []}
    for weights in drawn.astype(int):
        one, other = (
            objectives(pd.concat([t[t["post_id"] == p] for p, n in zip(posts, weights, strict=True) for _ in range(n)]), corpus)
            for t in (a, b)
        )
        for metric, values in differences.items():
            values.append(one[metric] - other[metric])
    for comparison in compare({"a": a, "b": b}, corpus.texts, corpus.criteria, permutations=9, resamples=30, seed=2):
        low, high = np.quantile(differences[comparison.metric], [0.025, 0.975])
        assert [comparison.difference.low, comparison.difference.high] == pytest.approx([low, high], abs=1e-12)


def test_systems_of_equal_skill_have_uniform_p_values(random_corpus):
    corpus = random_corpus(60)
    p_values = []
    for seed in range(60):
        tables = {"a": corpus.system(0.5, seed=2 * seed), "b": corpus.system(0.5, seed=2 * seed + 1)}
        p_values += [c.p_value for c in compare(tables, corpus.texts, corpus.criteria, permutations=199, resamples=0)][:1]
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_holm_equals_values_worked_out_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04, none below the one before it.
    assert holm(np.array([0.03, 0.01, 0.04, 0.02])) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm(np.array([0.6, 0.4])).tolist() == [0.8, 0.8]
    assert holm(np.array([0.9, 0.7])).tolist() == [1.0, 1.0]


def test_holm_corrects_within_each_metric(corpus):
    tables = {name: corpus.system(skill, seed=i) for i, (name, skill) in enumerate({"a": 0.6, "b": 0.5, "c": 0.4}.items())}
    found = compare(tables, corpus.texts, corpus.criteria, permutations=499, resamples=0)
    assert [(c.first, c.second) for c in found] == [("a", "b"), ("a", "c"), ("b", "c")] * 2
    for metric in ("macro_f1", "token_f1"):
        of_metric = [c for c in found if c.metric == metric]
        assert [c.p_holm for c in of_metric] == pytest.approx(holm(np.array([c.p_value for c in of_metric])))


def test_only_metrics_that_both_predict_are_compared(corpus):
    tables = {
        "criteria": corpus.system(0.6, spans=False),
        "evidence": corpus.system(0.6, probabilities=False),
        "share": corpus.system(0.5, seed=1),
    }
    found = compare(tables, corpus.texts, corpus.criteria, permutations=9, resamples=0)
    assert [(c.metric, c.first, c.second) for c in found] == [
        ("macro_f1", "criteria", "share"),
        ("token_f1", "evidence", "share"),
    ]


def test_one_system_has_no_comparison(corpus):
    assert compare({"a": corpus.system(0.5)}, corpus.texts, corpus.criteria) == ()


def test_a_seed_reproduces_comparisons_and_another_seed_changes_them(corpus):
    tables = {"a": corpus.system(0.6), "b": corpus.system(0.5, seed=1)}

    def found(seed):
        return compare(tables, corpus.texts, corpus.criteria, permutations=500, resamples=50, seed=seed)

    assert found(0) == found(0) != found(1)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table[:-1],
        lambda table: table[::-1],
        lambda table: table.assign(label=1 - table["label"]),
        lambda table: table.assign(evidence_known=~table["evidence_known"]),
        lambda table: table.assign(gold_spans=[[] for _ in range(len(table))]),
    ],
)
def test_tables_of_other_pairs_are_refused(corpus, change):
    tables = {"a": corpus.system(0.6), "b": change(corpus.system(0.6))}
    with pytest.raises(ValueError, match="a and b do not predict the same pairs"):
        compare(tables, corpus.texts, corpus.criteria)
