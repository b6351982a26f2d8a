"""Independent uniform draws (Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 2012)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from psy_agents.hpo.engine.sampler import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from psy_agents.hpo.space.search_space import SearchSpace


class Random(Sampler):
    """Optuna's `RandomSampler`."""

    keeps_state = False

    name: Literal["random"] = Field("random", description="Independent draws.")

    def build(self, seed: int, space: SearchSpace) -> BaseSampler:
        """Optuna's sampler."""
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)
