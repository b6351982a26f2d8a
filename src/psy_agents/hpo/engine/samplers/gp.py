"""Bayesian optimisation with a Gaussian process (Snoek et al., "Practical Bayesian Optimization", NeurIPS 2012)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from psy_agents.hpo.engine.sampler import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from psy_agents.hpo.space.search_space import SearchSpace


class GaussianProcessSampler(Sampler):
    """The expected improvement of a Gaussian process that knows that values are noisy.

    Optuna's `GPSampler` takes the highest value seen for the one to beat, and expects little noise.
    """

    keeps_state = False

    name: Literal["gp"] = Field("gp", description="Gaussian process with expected improvement (Snoek et al., NeurIPS 2012).")
    n_startup_trials: int = Field(10, ge=1, description="Finished trials before the process proposes; random until then.")
    n_candidates: int = Field(512, ge=1, description="Random configurations from which the search for a proposal starts.")

    def build(self, seed: int, space: SearchSpace) -> BaseSampler:
        """The sampler."""
        from psy_agents.hpo.engine.gaussian_process.expected_improvement import ExpectedImprovement

        return ExpectedImprovement(space, seed, self.n_startup_trials, self.n_candidates)
