"""A sampler that maximises the expected improvement of a Gaussian process over the trials' normal scores."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from scipy.special import erfcx, ndtr
from threadpoolctl import ThreadpoolController

from psy_agents.hpo.engine.gaussian_process.regression import GaussianProcess, fit
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.space.unit_cube import UnitCube

ROUNDS, BEST, NEIGHBOURS = 2, 10, 30
"""Of the local search: its rounds, from how many points each starts, and how many neighbours each point has."""
STEPS = (0.02, 0.05, 0.1, 0.2)
OTHER_CHOICE = 0.2
"""The probability that a choice of a neighbour is drawn again."""


@cache
def _threads() -> ThreadpoolController:
    """The libraries that compute in threads; to look for them takes a fifth of a proposal."""
    return ThreadpoolController()


class ExpectedImprovement(BaseSampler):
    """Expected improvement (Jones et al. 1998) over the highest posterior mean of an observed trial, as values are noisy.

    Candidates are random configurations, the observed ones, and neighbours of the best of them. All draw within the space's conditions.

    Args:
        space: of the study's trials; earlier trials may lack some of its parameters.
        n_startup_trials: finished trials before the process proposes, at least 1; random until then.
        n_candidates: random configurations.
    """

    def __init__(self, space: SearchSpace, seed: int, n_startup_trials: int, n_candidates: int) -> None:
        self._space, self._cube = space, UnitCube(space)
        self._random = np.random.default_rng(seed)
        self._independent = RandomSampler(seed=seed)
        self._n_startup_trials, self._n_candidates = n_startup_trials, n_candidates

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All parameters: which of them a trial has, the proposal decides."""
        return {each.name: each.distribution for each in self._space.parameters}

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """The proposal; nothing before enough trials have finished."""
        observed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(observed) < self._n_startup_trials:
            return {}
        running = [each for each in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)) if each.number != trial.number]
        # With other numbers of threads, sums have other last digits, and a resumed stage would propose other trials.
        with _threads().limit(limits=1):
            return self._proposal([each.params for each in observed], [each.value for each in observed], [each.params for each in running])

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """A random value."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def _proposal(self, observed: list[dict[str, Any]], values: list[float], running: list[dict[str, Any]]) -> dict[str, Any]:
        points = np.array([self._cube.point(params) for params in observed])
        process = fit(points, np.array(values), self._cube.owner)
        means = process.posterior(points)[0]
        best = means.max()
        if running:
            points = np.array([self._cube.point(params) for params in running])
            best = max(best, process.posterior(points)[0].max())
            process = process.believing(points)
        draws = np.concatenate(
            [
                self._random.random((self._n_candidates, len(self._cube.is_choice))),
                [self._cube.draw(observed[index]) for index in np.argsort(-means)[:BEST]],
            ]
        )
        improvements = self._log_improvements(process, draws, best)
        for _ in range(ROUNDS):
            further = self._neighbours(draws[np.argsort(-improvements)[:BEST]])
            draws = np.concatenate([draws, further])
            improvements = np.concatenate([improvements, self._log_improvements(process, further, best)])
        return self._cube.configuration(draws[improvements.argmax()])

    def _neighbours(self, draws: np.ndarray) -> np.ndarray:
        """(rows x NEIGHBOURS, parameters) Draws near others: a few or all numbers take a normal step, and some choices are drawn again."""
        shape = (len(draws), NEIGHBOURS, draws.shape[1])
        sizes = self._random.choice(STEPS, size=(*shape[:2], 1))
        moved = self._random.random(shape) < self._random.choice([0.3, 1.0], size=(*shape[:2], 1))
        steps = draws[:, None] + moved * sizes * self._random.standard_normal(shape)
        redrawn = np.where(self._random.random(shape) < OTHER_CHOICE, self._random.random(shape), draws[:, None])
        return np.clip(np.where(self._cube.is_choice, redrawn, steps), 0, 1).reshape(-1, draws.shape[1])

    def _log_improvements(self, process: GaussianProcess, draws: np.ndarray, best: float) -> np.ndarray:
        """(rows) The log of the expected improvement over ``best``."""
        mean, deviation = process.posterior(self._cube.points(draws))
        return np.log(deviation) + _log_improvement((mean - best) / deviation)


def _log_improvement(z: np.ndarray) -> np.ndarray:
    """log E[max(0, z + x)] for a standard normal x. Without the log it is 0 where little is expected (Ament et al., NeurIPS 2023, A.1)."""
    log_density = -(z**2) / 2 - np.log(2 * np.pi) / 2
    above, below = np.maximum(z, -1.0), np.minimum(z, -1.0)
    ratio = np.where(below > -1e4, 1 + below * np.sqrt(np.pi / 2) * erfcx(-below / np.sqrt(2)), below**-2.0)
    return np.where(z > -1, np.log(np.exp(-(above**2) / 2) / np.sqrt(2 * np.pi) + above * ndtr(above)), log_density + np.log(ratio))
