"""The expected best value of a smaller search, against all subsets written out."""

from itertools import combinations

import numpy as np
import pytest

from psy_agents.hpo.study.records import TrialRecord
from psy_agents.reporting.search.expected_best import expected_best, expected_best_plot


def test_it_is_the_mean_maximum_of_all_subsets():
    values = [0.2, 0.7, 0.4, 0.4, 0.9, 0.1]
    expected = [np.mean([max(chosen) for chosen in combinations(values, n)]) for n in range(1, 7)]
    assert expected_best(values).tolist() == pytest.approx(expected)


def test_it_ends_at_the_best_value_of_many_trials_and_starts_at_the_mean():
    values = np.random.default_rng(0).normal(0.5, 0.1, 600)
    found = expected_best(values)
    assert (found[0], found[-1]) == (pytest.approx(values.mean()), pytest.approx(values.max()))
    assert (np.diff(found) > -1e-9).all()


def test_trials_that_failed_have_no_part_in_it():
    states = [("complete", 0.4), ("failed", None), ("pruned", 0.2)]
    records = [TrialRecord(i, i, {}, 0, state, value=value) for i, (state, value) in enumerate(states)]
    (curve,) = expected_best_plot(records, "study").data
    assert list(curve.y) == pytest.approx([0.3, 0.4])
    assert "Fewer than 2 trials" in expected_best_plot(records[:2], "study").layout.annotations[0].text
