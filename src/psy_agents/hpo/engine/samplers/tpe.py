"""Tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from psy_agents.hpo.engine.sampler import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.search_space import IntersectionSearchSpace


class Tpe(Sampler):
    """Optuna's `TPESampler`."""

    keeps_state = False

    name: Literal["tpe"] = Field("tpe", description="Tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011).")
    n_startup_trials: int = Field(10, ge=0, description="Finished trials before the estimator proposes; random until then.")
    n_ei_candidates: int = Field(24, ge=1, description="Candidates drawn for each proposal.")

    def build(self, seed: int, shared_space: IntersectionSearchSpace) -> BaseSampler:
        """Optuna's sampler, with the engine's ``shared_space``: to find the shared parameters takes most of a proposal's time."""
        from psy_agents.hpo.engine.shared_space_tpe import SharedSpaceTpe

        return SharedSpaceTpe(shared_space, n_startup_trials=self.n_startup_trials, n_ei_candidates=self.n_ei_candidates, seed=seed)
