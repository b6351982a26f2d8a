"""The sampler proposes where the process expects to improve, within the space's conditions, and forgets nothing it needs."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial
from scipy.integrate import quad

from psy_agents.hpo.engine.gaussian_process.expected_improvement import _log_improvement
from psy_agents.hpo.engine.samplers.gp import GaussianProcessSampler
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.space.unit_cube import UnitCube

SPACE = SearchSpace.from_config(
    {
        "rate": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True},
        "layers": {"type": "int", "low": 1, "high": 12},
        "loss": {"type": "categorical", "choices": ["plain", "focal"]},
        "gamma": {"type": "float", "low": 0.0, "high": 4.0, "when": {"loss": ["focal"]}},
        "idle": {"type": "float", "low": 0.0, "high": 1.0},
    },
    {"rate": 1e-3, "layers": 4, "loss": "plain", "gamma": 2.0, "idle": 0.5},
)


def value(params: dict) -> float:
    """Highest for the focal loss with gamma 3, a rate of 0.001 and 6 layers."""
    distance = (np.log10(params["rate"]) + 3) ** 2 / 4 + ((params["layers"] - 6) / 11) ** 2
    return -distance - (0.5 if params["loss"] == "plain" else (params["gamma"] - 3) ** 2 / 16)


def observed(count: int, seed: int = 0, noise: float = 0.1) -> optuna.Study:
    """A study of random trials, whose values are noisy."""
    random = np.random.default_rng(seed)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=seed))
    for _ in range(count):
        trial = study.ask()
        study.tell(trial, value(SPACE.suggest(trial)) + noise * random.standard_normal())
    return study


def proposal(study: optuna.Study, seed: int, **settings: int) -> dict:
    study.sampler = GaussianProcessSampler(**settings).build(seed, SPACE)
    trial = study.ask()
    params = SPACE.suggest(trial)
    study.tell(trial, state=TrialState.FAIL)
    return params


def test_proposals_after_noisy_trials_are_far_better_than_random_ones():
    study = observed(40)
    found = [value(proposal(study, seed)) for seed in range(12)]
    random = [value(trial.params) for trial in observed(400, seed=1).trials]
    assert np.median(found) > np.quantile(random, 0.97)
    assert np.mean([proposal(study, seed)["loss"] == "focal" for seed in range(12)]) > 0.7


def test_proposals_keep_the_conditions():
    study = observed(15)
    for seed in range(10):
        params = proposal(study, seed)
        assert SPACE.complete(params) == params


def test_the_same_trials_and_seed_give_the_same_proposal_and_other_seeds_others():
    first, again = (proposal(observed(15), 3) for _ in range(2))
    assert first == again
    assert first != proposal(observed(15), 4)


def test_each_setting_changes_the_proposal():
    study = observed(15)
    assert len({tuple(proposal(study, 3, **given).items()) for given in ({}, {"n_startup_trials": 16}, {"n_candidates": 5})}) == 3


def test_proposals_are_random_until_enough_trials_have_finished():
    drawn = {}
    for count in (9, 10):
        study = observed(count)
        study.sampler = GaussianProcessSampler().build(5, SPACE)
        drawn[count] = study.ask().relative_params
    assert drawn[9] == {} and drawn[10] != {}


def test_it_keeps_away_from_running_trials():
    """Otherwise workers that start together would train the same."""
    study = observed(40)
    first = proposal(study, 0)
    study.add_trial(create_trial(params=first, distributions=SPACE.distributions(first), state=TrialState.RUNNING))
    second = proposal(study, 0)
    cube = UnitCube(SPACE)
    assert np.linalg.norm(cube.point(second) - cube.point(first)) > 0.05


def test_earlier_trials_may_lack_parameters():
    study = observed(15)
    for trial in study.trials[:5]:
        trial.params.pop("idle")
    assert SPACE.complete(proposal(study, 0))


@pytest.mark.parametrize("z", [-2e4, -1000.0, -40.0, -6.0, -1.5, -0.5, 0.0, 3.0])
def test_the_log_of_the_expected_improvement_is_that_of_its_integral(z):
    """Below zero the density at z is taken out of the integral: it vanishes long before its log does."""
    start, outside = (-z, z**2 / 2) if z < 0 else (-z, 0.0)
    whole, _ = quad(lambda x: (x - start) * np.exp(outside - x**2 / 2), start, max(start, 0.0) + 30 / max(1.0, -z))
    expected = np.log(whole) - outside - np.log(2 * np.pi) / 2
    assert _log_improvement(np.array([z]))[0] == pytest.approx(expected, abs=1e-5)
