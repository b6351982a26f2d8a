"""The regression equals scikit-learn's with the same kernel, and its fit maximises what it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from psy_agents.hpo.engine.gaussian_process.regression import LENGTH, NOISE, SCALE, GaussianProcess, _loss, fit

OWNER = np.array([0, 1, 1, 2])
"""Four columns of three parameters."""
RANDOM = np.random.default_rng(0)
POINTS = RANDOM.random((60, 4))
VALUES = np.sin(6 * POINTS[:, 0]) + POINTS[:, 3] + 0.1 * RANDOM.standard_normal(60)
ELSEWHERE = RANDOM.random((20, 4))


def test_the_posterior_is_that_of_scikit_learn():
    lengths, scale, noise = np.array([0.3, 0.9, 2.0]), 1.3, 0.2
    process = GaussianProcess(POINTS, VALUES, OWNER, VALUES.mean(), lengths, scale, np.full(60, noise))
    kernel = ConstantKernel(scale, "fixed") * Matern(lengths[OWNER], "fixed", nu=2.5) + WhiteKernel(noise, "fixed")
    theirs = GaussianProcessRegressor(kernel).fit(POINTS, VALUES - VALUES.mean())
    mean, deviation = theirs.predict(ELSEWHERE, return_std=True)
    mine = process.posterior(ELSEWHERE)
    np.testing.assert_allclose(mine[0], mean + VALUES.mean(), rtol=1e-5)
    np.testing.assert_allclose(mine[1] ** 2 + noise, deviation**2, rtol=1e-5)  # Theirs is of an observation.


def squares() -> np.ndarray:
    found = np.zeros((3, 60, 60))
    for column, parameter in enumerate(OWNER):
        found[parameter] += (POINTS[:, None, column] - POINTS[None, :, column]) ** 2
    return found


PRIOR = np.array([(0.1, 0.7)] * 3 + [SCALE, NOISE])


def test_the_density_is_that_of_scikit_learn_and_of_the_prior():
    logs = np.array([-0.4, 0.3, 0.8, 0.2, -1.5])
    lengths, scale, noise = np.exp(logs[:3]), np.exp(logs[3]), np.exp(logs[4])
    kernel = ConstantKernel(scale, "fixed") * Matern(lengths[OWNER], "fixed", nu=2.5) + WhiteKernel(noise, "fixed")
    values = VALUES - VALUES.mean()
    likelihood = GaussianProcessRegressor(kernel, optimizer=None).fit(POINTS, values).log_marginal_likelihood()
    prior = -(((logs - PRIOR[:, 0]) / PRIOR[:, 1]) ** 2).sum() / 2
    constant = -len(values) / 2 * np.log(2 * np.pi)
    assert _loss(logs, squares(), values, PRIOR)[0] == pytest.approx(-(likelihood - constant + prior), rel=1e-6)


def test_the_gradient_is_that_of_finite_differences():
    given = squares(), VALUES - VALUES.mean(), PRIOR
    for logs in ([-0.4, 0.3, 0.8, 0.2, -1.5], [0.5, -1.0, 2.0, -1.0, 0.5]):
        size = np.linalg.norm(_loss(np.array(logs), *given)[1])
        assert check_grad(lambda x: _loss(x, *given)[0], lambda x: _loss(x, *given)[1], np.array(logs)) < 1e-4 * size


def test_the_fit_is_a_maximum_and_finds_what_matters():
    process = fit(POINTS, VALUES, OWNER)
    assert process.lengths[1] > 2 * process.lengths[0]  # The second parameter does nothing.
    assert 0.005 < process.noise[0] < 0.03  # It is 0.01.
    prior = np.array([(LENGTH[0] + np.log(3 / 2) / 2, LENGTH[1])] * 3 + [SCALE, NOISE])
    logs = np.log([*process.lengths, process.scale, process.noise[0]])
    assert np.abs(_loss(logs, squares(), VALUES - VALUES.mean(), prior)[1]).max() < 0.01


def test_belief_in_running_trials_keeps_the_mean_and_takes_the_doubt():
    process = fit(POINTS, VALUES, OWNER)
    believing = process.believing(ELSEWHERE[:1])
    before, after = process.posterior(ELSEWHERE), believing.posterior(ELSEWHERE)
    np.testing.assert_allclose(after[0], before[0], atol=1e-6)
    assert after[1][0] < 0.02 * before[1][0]
    assert np.all(after[1] <= before[1] + 1e-9)


def test_equal_running_trials_are_believed():
    believing = fit(POINTS, VALUES, OWNER).believing(np.repeat(ELSEWHERE[:1], 40, axis=0))
    assert np.isfinite(believing.posterior(ELSEWHERE)).all()


@pytest.mark.parametrize("values", [np.zeros(8), np.array([3.0, -3.0] * 4)], ids=["equal values", "contradictions at one point"])
def test_degenerate_observations_are_fitted(values):
    process = fit(np.full((8, 4), 0.5), values, OWNER)
    mean, deviation = process.posterior(ELSEWHERE)
    np.testing.assert_allclose(mean, values.mean(), atol=1e-6)
    assert np.isfinite(deviation).all() and (deviation > 0).all()
