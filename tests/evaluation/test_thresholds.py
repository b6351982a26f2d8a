"""Thresholds equal the best of all thresholds."""

import numpy as np
import pytest
from support.effort import counted

from psy_agents.evaluation.classification import classification_metrics
from psy_agents.evaluation.thresholds import CANDIDATES, best_no_answer_threshold, best_threshold, criterion_thresholds


def macro_f1(labels, probabilities, criterion, threshold):
    criteria = [str(i) for i in range(criterion.max() + 1)]
    return classification_metrics(labels, probabilities, probabilities >= threshold, criterion, criteria)["macro_f1"]


def random_pairs(seed, n, dtype=np.float64):
    rng = np.random.default_rng(seed)
    criterion = rng.integers(0, 4, n)
    labels = (rng.random(n) < np.array([0.4, 0.2, 0.1, 0.0])[criterion]).astype(int)
    labels[0] = 1
    probabilities = 1 / (1 + np.exp(-rng.normal(2 * labels - 2, 1)))
    return labels, probabilities.astype(dtype), criterion


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_reaches_the_best_macro_f1_of_all_thresholds(seed, dtype):
    labels, probabilities, criterion = random_pairs(seed, 300, dtype)
    found = macro_f1(labels, probabilities, criterion, best_threshold(labels, probabilities, criterion))
    assert found == max(macro_f1(labels, probabilities, criterion, cut) for cut in np.unique(probabilities))


def test_with_more_positives_than_candidates_the_threshold_is_nearly_the_best():
    labels, probabilities, criterion = random_pairs(0, 20_000)
    assert labels.sum() > 10 * CANDIDATES
    threshold, calls = counted(lambda: best_threshold(labels, probabilities, criterion))
    assert calls < CANDIDATES
    found = macro_f1(labels, probabilities, criterion, threshold)
    best = max(macro_f1(labels, probabilities, criterion, cut) for cut in np.linspace(0, 1, 400))
    assert found == pytest.approx(best, abs=2e-3)


def test_the_threshold_lies_halfway_between_negatives_and_positives():
    labels, probabilities = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.6, 0.9])
    assert best_threshold(labels, probabilities, np.zeros(4, int)) == pytest.approx(0.4)


def test_the_threshold_predicts_every_pair_if_that_is_best():
    labels, probabilities = np.array([1, 1, 0]), np.array([0.3, 0.7, 0.5])
    assert best_threshold(labels, probabilities, np.zeros(3, int)) <= 0.3
    assert best_threshold(np.ones(3), np.full(3, 0.2), np.zeros(3, int)) == 0.2


def test_the_threshold_separates_neighbouring_floats():
    low = np.float32(0.5)
    high = np.nextafter(low, np.float32(1))
    threshold = best_threshold(np.array([0, 1]), np.array([low, high]), np.zeros(2, int))
    assert (np.array([low, high]) >= threshold).tolist() == [False, True]


def test_each_criterion_with_enough_positives_has_its_best_threshold():
    labels, probabilities, criterion = random_pairs(3, 400)
    labels[criterion == 3] = 0
    positives = np.bincount(criterion[labels == 1], minlength=4)
    assert positives[1] > positives[2] > 0 == positives[3]
    found = criterion_thresholds(labels, probabilities, criterion, min_support=positives[1])
    assert set(found) == {0, 1}
    for index, threshold in found.items():
        rows = criterion == index
        alone = labels[rows], probabilities[rows], np.zeros(rows.sum(), int)
        assert macro_f1(*alone, threshold) == max(macro_f1(*alone, cut) for cut in np.unique(alone[1]))
    assert set(criterion_thresholds(labels, probabilities, criterion, min_support=1)) == {0, 1, 2}, "none without a positive"


def test_positives_of_several_runs_count_once():
    labels, probabilities, criterion = random_pairs(3, 400)
    positives = np.bincount(criterion[labels == 1], minlength=4)
    three = np.tile(labels, 3), np.tile(probabilities, 3), np.tile(criterion, 3)
    for least in (positives[1], positives[1] + 1):
        alone = criterion_thresholds(labels, probabilities, criterion, min_support=least)
        assert criterion_thresholds(*three, min_support=least, weights=np.full(len(three[0]), 1 / 3)) == alone


def test_a_pair_of_weight_two_counts_as_two_pairs():
    labels, probabilities, criterion = random_pairs(5, 200)
    times = np.random.default_rng(5).integers(1, 4, len(labels))
    repeated = [np.repeat(each, times) for each in (labels, probabilities, criterion)]
    assert best_threshold(labels, probabilities, criterion, times.astype(float)) == best_threshold(*repeated)
    assert best_threshold(labels, probabilities, criterion, np.full(len(labels), 0.5)) == best_threshold(labels, probabilities, criterion)
    positives = np.bincount(criterion[labels == 1], minlength=4)
    shares = np.repeat(1 / times, times)
    for least in (positives[1], positives[1] + 1):
        found = criterion_thresholds(*repeated, min_support=least, weights=shares)
        assert set(found) == {c for c in range(4) if positives[c] >= least}, "the answers to a pair support a criterion once"


def test_without_positives_the_threshold_is_a_half():
    assert best_threshold(np.zeros(3), np.array([0.1, 0.2, 0.9]), np.zeros(3, int)) == 0.5


def test_the_no_answer_threshold_maximises_any_objective_and_is_the_highest_of_equals():
    scores = np.array([0.1, 0.4, 0.4, 0.8])
    assert best_no_answer_threshold(scores, lambda threshold: -abs(threshold - 0.45)) == 0.4
    assert best_no_answer_threshold(scores, lambda threshold: 1.0) == 0.8
    tried = []
    best_no_answer_threshold(np.linspace(0, 1, 1000), lambda threshold: tried.append(threshold) or 0.0)
    assert len(tried) == 50
    assert (min(tried), max(tried)) == (0.0, 1.0)
