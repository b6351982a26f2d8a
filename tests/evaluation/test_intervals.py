"""Intervals against scipy's, values worked out by hand, and exact coverage where positives are few."""

from collections.abc import Mapping

import numpy as np
import pytest
from pydantic import BaseModel
from scipy.stats import binom, binomtest, t

from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.intervals import (
    biased_interval,
    bootstrap_interval,
    difference_interval,
    effective_size,
    exact_f1_interval,
    exact_interval,
    f1_interval,
    mean_interval,
    paired_correlation,
    ranking_interval,
    ratio_interval,
    wilson_interval,
)
from psy_agents.evaluation.results import Estimate
from psy_agents.hpo.refit.spread import spread_over_seeds


@pytest.mark.parametrize(("hits", "n"), [(0, 25), (25, 25), (3, 10), (1, 200)])
@pytest.mark.parametrize(("interval", "method"), [(exact_interval, "exact"), (wilson_interval, "wilson")])
def test_shares_have_scipys_intervals(interval, method, hits, n):
    expected = binomtest(hits, n).proportion_ci(method=method)
    assert interval(hits / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_no_miss_among_25_may_still_be_one_in_seven():
    low, high = ratio_interval("exact", np.zeros(25), np.ones(25), np.arange(25))
    assert (low, round(high, 3)) == (0.0, 0.137)


def test_independent_cases_count_one_each():
    part = np.array([1, 0, 1, 1, 0, 0, 0, 1.0])
    assert effective_size(part, np.ones(8), np.arange(8)) == pytest.approx(8)


def test_equal_cases_of_one_unit_count_once():
    """Four authors with two posts each, of which both or none are found: v = 4 (2 * 0.5)^2 / 8^2, so p (1 - p) / v = 4."""
    part, unit = np.array([1, 1, 0, 0, 1, 1, 0, 0.0]), np.repeat(np.arange(4), 2)
    adjusted = 4 * (t.ppf(0.975, 7) / t.ppf(0.975, 3)) ** 2
    assert effective_size(part, np.ones(8), unit) == pytest.approx(adjusted)
    assert effective_size(np.ones(8), np.ones(8), unit) == pytest.approx(adjusted), "without variance, a unit counts as one case"


def test_units_never_make_a_sample_larger():
    part, unit = np.array([1, 0, 1, 0, 1, 0, 1, 0.0]), np.repeat(np.arange(4), 2)
    assert effective_size(part, np.ones(8), unit) < 8


def test_rows_without_a_case_change_nothing():
    part, whole, unit = np.array([1.0, 0, 1, 0]), np.array([1.0, 1, 1, 0]), np.array([0, 1, 2, 2])
    assert ratio_interval("exact", part, whole, unit) == pytest.approx(ratio_interval("exact", part[:3], whole[:3], unit[:3]))


def test_a_ratio_without_any_case_may_be_anything():
    assert ratio_interval("exact", np.zeros(3), np.zeros(3), np.arange(3)) == (0.0, 1.0)


def test_an_f1_has_the_interval_of_its_overlap():
    """3 hits, 1 false positive and 2 misses: J = 3 / 6, F1 = 6 / 9."""
    expected = binomtest(3, 6).proportion_ci(method="wilson")
    low, high = f1_interval(0.5, 6)
    assert (low, high) == pytest.approx([2 * end / (1 + end) for end in (expected.low, expected.high)])
    assert low < 6 / 9 < high


@pytest.mark.parametrize("recall", [0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("precision", [0.3, 0.6, 0.9])
def test_the_interval_of_a_rare_criterions_f1_holds_the_truth_in_93_to_97_per_cent(recall, precision):
    """Computed, not drawn: 100 posts, 5 of them positive on average. The percentile bootstrap holds it in 54 to 94 per cent."""
    posts, found = 100, 0.05 * recall
    wrong, missed = found * (1 - precision) / precision, 0.05 * (1 - recall)
    overlap = found / (found + wrong + missed)
    truth, covered, total = 2 * overlap / (1 + overlap), 0.0, 0.0
    for union in range(1, 60):
        for hits in range(union + 1):
            chance = binom.pmf(union, posts, found + wrong + missed) * binom.pmf(hits, union, overlap)
            if not hits:  # Without a positive post there is no F1.
                chance *= 1 - (wrong / (wrong + missed)) ** union
            if chance > 1e-7:
                low, high = f1_interval(hits / union, union)
                covered, total = covered + chance * (low <= truth <= high), total + chance
    assert 0.93 <= covered / total <= 0.97


def test_a_perfect_ranking_of_five_positives_is_not_certain():
    low, high = ranking_interval(1.0, np.ones(50), np.array([1.0] * 5 + [0.0] * 20), np.arange(25))
    assert (low, high) == pytest.approx((binomtest(5, 5).proportion_ci(method="wilson").low, 1.0))


def test_a_ranking_that_varies_more_than_a_share_has_a_wider_interval():
    positives, unit, rng = np.ones(50), np.arange(50), np.random.default_rng(0)
    narrow, wide = (ranking_interval(0.6, rng.normal(0.6, spread, 4000), positives, unit) for spread in (0.01, 0.2))
    assert narrow == pytest.approx(wilson_interval(0.6, 50))
    assert wide == pytest.approx(wilson_interval(0.6, 0.24 / 0.04), abs=0.01)


def test_a_mean_of_independent_shares_adds_the_squares_of_their_gaps():
    values, ends = np.array([0.2, 0.6]), np.array([[0.1, 0.3], [0.5, 0.7]])
    draws = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1.0]])
    assert mean_interval(0.4, values, ends, draws) == pytest.approx((0.4 - np.hypot(0.1, 0.3) / 2, 0.4 + np.hypot(0.3, 0.1) / 2))
    equal = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    assert mean_interval(0.4, values, ends, equal) == pytest.approx((0.4 - (0.1 + 0.3) / 2, 0.4 + (0.3 + 0.1) / 2))


def test_a_mean_with_a_term_of_which_nothing_is_known_may_be_higher_by_all_of_it():
    """Precision 0.6 of one criterion, and a criterion that is never predicted, whose precision counts as 0."""
    values, ends, draws = np.array([0.6, 0.0]), np.array([[0.4, 0.0], [0.7, 1.0]]), np.zeros((5, 2))
    found = mean_interval(0.3, values, ends, draws, np.array([False, True]))
    assert found == pytest.approx((0.3 - 0.2 / 2, 0.3 + (0.1 + 1) / 2))
    assert mean_interval(0.3, values, ends, draws)[1] < found[1], "a wide interval alone, such as of a difference, is not unknown"


def macro_f1_interval(hits: np.ndarray, sizes: np.ndarray) -> tuple[float, float, float]:
    """The mean F1 of independent criteria with so many hits among those that are positive or predicted, and its interval."""
    overlaps = hits / sizes
    values = 2 * overlaps / (1 + overlaps)
    ends = np.array([exact_f1_interval(*each) for each in zip(overlaps, sizes, strict=True)]).T
    return float(values.mean()), *mean_interval(float(values.mean()), values, ends, np.zeros((2, len(sizes))))


@pytest.mark.parametrize("missed", [12, 4])
def test_the_interval_of_many_criteria_that_are_hardly_or_mostly_found_leaves_room_on_both_sides(missed):
    """Sixteen criteria of one to five cases: ``missed`` of them have no hit, each of the others misses one case at most."""
    sizes = np.array([1, 2, 3, 5] * 4)
    value, low, high = macro_f1_interval(np.where(np.arange(16) < missed, 0, np.maximum(sizes - 1, 1)), sizes)
    assert 0 < low < value - 0.05 and value + 0.05 < high < 1


@pytest.mark.parametrize("overlaps", [np.linspace(0.2, 0.9, 8), np.linspace(0.02, 0.3, 8), np.linspace(0.1, 0.6, 8)])
def test_the_interval_of_a_mean_of_rare_criterias_f1_holds_the_truth(overlaps):
    """Eight criteria of which two to ten pairs are positive or predicted."""
    rng, sizes = np.random.default_rng(0), np.array([2, 2, 3, 3, 4, 6, 8, 10])
    truth, covered = np.mean(2 * overlaps / (1 + overlaps)), []
    for _ in range(400):
        _, low, high = macro_f1_interval(rng.binomial(sizes, overlaps), sizes)
        covered.append(low <= truth <= high)
    assert np.mean(covered) >= 0.93


def test_a_difference_of_perfect_systems_on_few_posts_is_not_known_to_be_zero():
    ends = exact_interval(1.0, 25)
    correlation = paired_correlation(np.zeros(25), np.zeros(25), 1 / 25)
    assert difference_interval(1.0, ends, 1.0, ends, correlation) == pytest.approx((ends[0] - 1, 1 - ends[0]))


def test_a_paired_difference_is_narrower_if_the_systems_are_right_together():
    """Hypotenuse of both gaps, less what the correlation takes off: sqrt(0.1^2 + 0.1^2 - 2 * 0.9 * 0.1 * 0.1)."""
    ends = (0.4, 0.6)
    assert difference_interval(0.5, ends, 0.5, ends, 0.0) == pytest.approx((-np.hypot(0.1, 0.1), np.hypot(0.1, 0.1)))
    assert difference_interval(0.5, ends, 0.5, ends, 0.9) == pytest.approx((-np.sqrt(0.002), np.sqrt(0.002)))


def test_systems_that_agree_on_all_posts_seen_are_not_taken_to_agree_on_all_others():
    """Half a post more that only one of them finds, for each: 20 / (20 + 1 / 2) of a correlation of 1."""
    terms = np.array([1.0, -1.0] * 10)
    assert paired_correlation(terms, terms, 1.0) == pytest.approx(20 / 20.5)
    assert paired_correlation(terms, -terms, 1.0) == pytest.approx(-20 / 20.5)
    assert paired_correlation(np.zeros(20), terms, 1.0) == 0


def test_an_interval_by_bootstrap_lies_about_its_value():
    draws = np.array([*np.linspace(0.5, 0.7, 101), np.nan])
    assert bootstrap_interval(0.45, draws) == pytest.approx((0.45 - 0.095, 0.45 + 0.095))
    assert bootstrap_interval(0.5, np.full(10, 0.5)) is None
    assert bootstrap_interval(0.5, np.full(10, np.nan)) is None


def test_an_error_that_chance_makes_larger_may_be_smaller_than_measured():
    """Resamples of an error of 0.05 have the mean 0.08: half of 0.05 may be chance."""
    low, high = biased_interval(0.05, np.linspace(0.06, 0.10, 101))
    assert low == pytest.approx(2 * 0.05 - 0.099)
    assert high == pytest.approx(0.099 - 0.08 + 0.05)


def estimates_in(part):
    """Every estimate in a report's part, whatever it is called."""
    if isinstance(part, Estimate):
        yield part
    elif isinstance(part, BaseModel | Mapping):
        for _, each in part.items() if isinstance(part, Mapping) else part:
            yield from estimates_in(each)
    elif isinstance(part, tuple | list):
        for each in part:
            yield from estimates_in(each)


@pytest.mark.parametrize("posts", [3, 8, 20, 38])
@pytest.mark.parametrize("skill", [0.0, 0.5, 0.95, 1.0])
def test_every_interval_of_a_small_test_set_is_a_range_of_shares_and_holds_its_figure(random_corpus, posts, skill):
    corpus = random_corpus(posts, seed=posts)
    tables = [corpus.system(skill, seed=seed) for seed in range(2)]
    found = evaluate("a", "agent", tables[0], corpus.texts, corpus.criteria, resamples=60)
    spread = spread_over_seeds(tables, corpus.texts, corpus.criteria, resamples=60)
    estimates = [each for each in estimates_in([found, spread]) if each.low is not None]
    assert len(estimates) > 30
    assert all(0 <= each.low <= each.value <= each.high <= 1 for each in estimates)
    of_classes = estimates_in([found.criterion.per_criterion, found.criterion.macro, found.criterion.micro])
    assert all(each.high - each.low > 0.005 for each in of_classes if each.low is not None), "no figure is certain"
