"""The bootstrap by resampling unit: its weights, its shapes, and how often its interval holds the truth."""

import numpy as np
import pytest

from psy_agents.evaluation.bootstrap import bootstrap, resample_weights


def test_a_resample_draws_as_many_posts_as_there_are():
    (weights,) = resample_weights(np.arange(30), 200, seed=0, rows=200)
    assert weights.shape == (200, 30)
    assert (weights.sum(axis=1) == 30).all() and (weights >= 0).all()
    assert len(np.unique(weights, axis=0)) == 200


def test_the_number_of_draws_of_a_post_is_binomial():
    weights = np.concatenate(list(resample_weights(np.arange(50), 4000, seed=1, rows=1000)))
    assert np.mean(weights == 0) == pytest.approx((1 - 1 / 50) ** 50, abs=0.005)
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.02)


def test_posts_of_one_unit_are_drawn_together():
    (weights,) = resample_weights(np.array([0, 1, 0, 2, 1]), 300, seed=0, rows=300)
    assert np.array_equal(weights[:, 0], weights[:, 2]) and np.array_equal(weights[:, 1], weights[:, 4])
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_the_draws_depend_on_the_seed_and_not_on_the_chunk_size():
    def drawn(seed, rows):
        return np.concatenate(list(resample_weights(np.arange(7), 23, seed, rows)))

    assert np.array_equal(drawn(3, 5), drawn(3, 100))
    assert not np.array_equal(drawn(3, 5), drawn(4, 5))


def test_without_resamples_there_is_a_value_and_no_interval():
    found = bootstrap(lambda w: {"sum": w.sum(axis=1)}, np.arange(4), resamples=0, seed=0, width=4)["sum"]
    assert found.estimate().model_dump() == {"value": 4.0, "low": None, "high": None}


def test_statistics_keep_their_shape():
    found = bootstrap(lambda w: {"parts": w.reshape(-1, 3, 2)}, np.arange(6), resamples=50, seed=0, width=100_000)["parts"]
    assert (found.value.shape, found.draws.shape) == ((3, 2), (50, 3, 2))
    assert (found.value == 1).all()
    assert np.array_equal(found[1, 0].draws, found.draws[:, 1, 0])


def test_the_interval_has_about_its_nominal_coverage():
    """A ratio of sums over posts whose pairs are alike: pairs drawn one by one would give a far narrower interval."""
    rng, n_posts, truth, simulations = np.random.default_rng(0), 60, 0.3, 300
    by_post, by_pair, units = 0, 0, np.arange(n_posts)
    for seed in range(simulations):
        share = rng.beta(0.6, 1.4, n_posts)  # Mean 0.3.
        sizes = rng.integers(5, 15, n_posts)
        hits = rng.binomial(sizes, share)
        found = bootstrap(lambda w, h=hits, s=sizes: {"p": (w @ h) / (w @ s)}, units, resamples=300, seed=seed, width=60)["p"]
        interval = found.estimate()
        by_post += interval.low <= truth <= interval.high
        deviation = 1.96 * np.sqrt(0.21 / sizes.sum())
        by_pair += abs(hits.sum() / sizes.sum() - truth) <= deviation
    assert 0.9 <= by_post / simulations <= 0.98
    assert by_pair / simulations < 0.8
