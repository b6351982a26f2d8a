"""Fitted temperatures maximise the likelihood and keep the order; metrics under weights equal their plain definitions."""

import numpy as np
import pytest
from scipy.special import expit, logit

from psy_agents.evaluation.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    ProbabilityStatistics,
    calibrate,
    fit_calibration,
    fit_platt,
    fit_temperature,
    log_odds,
    negative_log_likelihood,
)
from psy_agents.evaluation.metrics.criteria.ece import ECE
from psy_agents.evaluation.scored_pairs import ScoredPairs


def confident_pairs(temperature, n=20_000, seed=0):
    """Labels, and probabilities of which the log odds are ``temperature`` times what they should be."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1.5, 1.5, n)
    return (rng.random(n) < expit(logits)).astype(int), expit(temperature * logits)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_fitted_temperature_is_the_one_that_distorted_the_probabilities(temperature):
    labels, probabilities = confident_pairs(temperature)
    found = fit_temperature(labels, probabilities)
    assert found == pytest.approx(temperature, rel=0.05)
    assert ECE.value(labels, calibrate(probabilities, found)) < 0.015


def test_no_other_temperature_is_likelier():
    labels, probabilities = confident_pairs(2.5, n=150)
    found = fit_temperature(labels, probabilities)
    least = negative_log_likelihood(labels, calibrate(probabilities, found))
    for factor in (0.5, 0.9, 0.999, 1.001, 1.1, 2):
        assert negative_log_likelihood(labels, calibrate(probabilities, factor * found)) > least
    assert least == pytest.approx(-np.mean(np.log(np.where(labels, *(p := calibrate(probabilities, found), 1 - p)))))


def test_the_temperature_stays_within_its_bounds_for_perfect_and_reversed_rankings():
    labels = np.array([0, 0, 1, 1])
    assert fit_temperature(labels, np.array([0.1, 0.2, 0.6, 0.9])) == MIN_TEMPERATURE
    assert fit_temperature(labels, np.array([0.9, 0.6, 0.2, 0.1])) == MAX_TEMPERATURE
    assert fit_temperature(np.ones(2), np.array([0.2, 0.3])) == MAX_TEMPERATURE


def test_platts_shift_corrects_a_larger_share_of_positives_in_training():
    rng = np.random.default_rng(0)
    logits = rng.normal(-2.5, 1.5, 20_000)
    labels, probabilities = (rng.random(len(logits)) < expit(logits)).astype(int), expit(2.0 * logits + 3.0)
    temperature, shift = fit_platt(labels, probabilities)
    assert (temperature, shift) == (pytest.approx(2.0, rel=0.05), pytest.approx(-1.5, abs=0.1))
    assert ECE.value(labels, calibrate(probabilities, temperature, shift)) < 0.015
    assert ECE.value(labels, calibrate(probabilities, fit_temperature(labels, probabilities))) > 0.1


def test_platt_scaling_is_likeliest_for_its_targets_and_finite_for_separable_pairs():
    labels, probabilities = confident_pairs(2.5, n=150)
    n = labels.sum()
    targets = np.where(labels, (n + 1) / (n + 2), 1 / (len(labels) - n + 2))

    def likelihood(temperature, shift):
        given = calibrate(probabilities, temperature, shift)
        return np.mean(targets * np.log(given) + (1 - targets) * np.log1p(-given))

    temperature, shift = fit_platt(labels, probabilities)
    for factor, moved in ((0.99, 0), (1.01, 0), (1, 0.02), (1, -0.02), (1.5, 0.5)):
        assert likelihood(factor * temperature, shift + moved) < likelihood(temperature, shift)
    separable = fit_platt(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.6, 0.9]))
    assert MIN_TEMPERATURE < separable[0] < MAX_TEMPERATURE and np.isfinite(separable[1])
    assert fit_platt(np.array([0, 0, 1, 1]), np.array([0.9, 0.6, 0.2, 0.1]))[0] == pytest.approx(MAX_TEMPERATURE)


def test_a_pair_of_weight_two_counts_as_two_pairs():
    labels, probabilities = confident_pairs(2.5, n=150)
    times = np.random.default_rng(1).integers(1, 4, len(labels))
    repeated = np.repeat(labels, times), np.repeat(probabilities, times)
    for method in ("temperature", "platt"):
        found = fit_calibration(method, labels, probabilities, times.astype(float))
        assert found == pytest.approx(fit_calibration(method, *repeated), rel=1e-5)
        assert found != pytest.approx(fit_calibration(method, labels, probabilities), rel=1e-5)


def test_each_method_fits_its_parameters():
    labels, probabilities = confident_pairs(2.5, n=150)
    assert fit_calibration("none", labels, probabilities) == (1.0, 0.0)
    assert fit_calibration("temperature", labels, probabilities) == (fit_temperature(labels, probabilities), 0.0)
    assert fit_calibration("platt", labels, probabilities) == fit_platt(labels, probabilities)


def test_calibrating_keeps_the_order_and_one_half_and_temperature_one_keeps_every_bit():
    probabilities = np.concatenate([[0.0, 1.0, 0.5], np.random.default_rng(0).random(50)])
    for temperature in (0.3, 4.0):
        given = calibrate(probabilities, temperature)
        assert (np.argsort(given, kind="stable") == np.argsort(probabilities, kind="stable")).all()
        assert given[2] == 0.5 and 0 <= given.min() and given.max() <= 1
        np.testing.assert_allclose(given[3:], expit(logit(probabilities[3:]) / temperature))
    assert calibrate(probabilities, 1.0) is probabilities
    assert np.isfinite(log_odds(probabilities)).all()


def test_metrics_under_weights_equal_those_of_repeated_pairs(random_corpus):
    made = random_corpus(12)
    pairs = ScoredPairs.from_table(made.system(0.7), made.texts, made.criteria)
    statistics = ProbabilityStatistics(pairs, pairs.probabilities)
    weights = np.random.default_rng(1).integers(0, 4, (3, pairs.n_posts)).astype(float)
    for ece, brier, each in zip(*statistics(weights).values(), weights.astype(int), strict=True):
        rows = np.repeat(np.arange(len(pairs.labels)), each[pairs.post])
        labels, probabilities = pairs.labels[rows], pairs.probabilities[rows]
        assert ece == pytest.approx(ECE.value(labels, probabilities))
        assert brier == pytest.approx(np.mean((probabilities - labels) ** 2))
