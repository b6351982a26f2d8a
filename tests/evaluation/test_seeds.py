"""The spread of models over seeds, with an interval over seeds and posts."""

import numpy as np
import pytest

from psy_agents.evaluation.seeds import spread_over_seeds


def test_the_interval_holds_the_chance_of_seeds_and_of_posts(random_corpus):
    """One model: the interval over posts. Equal models: the same. Models that differ: wider."""
    made = random_corpus(40)
    good, bad = made.system(0.9), made.system(0.5)
    (alone,) = (each for each in spread_over_seeds([good], made.texts, made.criteria) if each.metric == "macro_f1")
    (equal,) = (each for each in spread_over_seeds([good] * 3, made.texts, made.criteria) if each.metric == "macro_f1")
    (mixed,) = (each for each in spread_over_seeds([good, bad, good], made.texts, made.criteria) if each.metric == "macro_f1")
    assert (equal.mean.low, equal.mean.high) == pytest.approx((alone.mean.low, alone.mean.high)) and equal.standard_deviation == 0
    assert mixed.mean.high - mixed.mean.low > 1.2 * (equal.mean.high - equal.mean.low)
    assert mixed.mean.low < mixed.mean.value < mixed.mean.high and mixed.mean.value == pytest.approx(np.mean(mixed.values))
