"""Optuna's TPE with a search space that outlives the sampler."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial


class SharedSpaceTpe(optuna.samplers.TPESampler):
    """Proposes what Optuna's `TPESampler` proposes.

    Args:
        shared_space: finds the parameters that all trials have.
    """

    def __init__(self, shared_space: IntersectionSearchSpace, **options: Any) -> None:
        super().__init__(**options)
        self._shared_space = shared_space

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {name: space for name, space in self._shared_space.calculate(study).items() if not space.single()}
