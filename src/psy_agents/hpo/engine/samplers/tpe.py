"""Tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from psy_agents.hpo.engine.sampler import Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from psy_agents.hpo.space.search_space import SearchSpace


class Tpe(Sampler):
    """Optuna's `TPESampler`.

    All of its settings that are not deprecated are set here, so that other defaults of a new Optuna change no search. Optuna 5 itself
    draws jointly (``multivariate``).
    """

    keeps_state = False

    name: Literal["tpe"] = Field("tpe", description="Tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011).")
    multivariate: bool = Field(
        False,
        description="Draws the parameters that all trials have jointly (Falkner et al., ICML 2018); false: each parameter by itself.",
    )
    group: bool = Field(False, description="With multivariate: also draws jointly what trials have only under the same conditions.")
    constant_liar: bool = Field(True, description="Keeps away from running trials: the estimator counts them among the bad ones.")
    n_startup_trials: int = Field(10, ge=0, description="Finished trials before the estimator proposes; random until then.")
    n_ei_candidates: int = Field(24, ge=1, description="Candidates drawn for each proposal.")

    @model_validator(mode="after")
    def _joint(self) -> Tpe:
        if self.group and not self.multivariate:
            raise ValueError("group needs multivariate: true, because only joint draws have groups: set both, or neither")
        return self

    def build(self, seed: int, space: SearchSpace) -> BaseSampler:
        """Optuna's sampler."""
        from optuna.exceptions import ExperimentalWarning
        from optuna.samplers import TPESampler

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # Of `group`, once a trial.
            return TPESampler(seed=seed, **self.model_dump(exclude={"name"}))
