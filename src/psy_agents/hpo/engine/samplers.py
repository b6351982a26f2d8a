"""Samplers, pruners and seeds, made from a stage's configuration."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial

from psy_agents.hpo.config import NoPruner, SamplerConfig, StageConfig


def derive_seed(seed: int, purpose: str, index: int) -> int:
    """A seed for one purpose and one trial, the same in every run."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()[:4]) >> 1


def new_sampler(config: SamplerConfig, seed: int, shared_space: IntersectionSearchSpace | None = None) -> optuna.samplers.BaseSampler:
    """A sampler that knows nothing but the seed and what the study holds.

    The engine makes one for every trial, so that a proposal depends on the stored trials and the trial's index
    alone, never on what this process has drawn before.

    Args:
        shared_space: of the same study, kept from one sampler to the next; without it TPE goes through all trials anew to
            find which parameters they share, which takes most of a proposal's time in a long study.
    """
    if config.name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    shared_space = shared_space or IntersectionSearchSpace(include_pruned=True)
    return _Tpe(shared_space, n_startup_trials=config.n_startup_trials, n_ei_candidates=config.n_ei_candidates, seed=seed)


class _Tpe(optuna.samplers.TPESampler):
    """Optuna's, but that what it finds of the trials' parameters is kept by whoever makes it."""

    def __init__(self, shared_space: IntersectionSearchSpace, **options: Any) -> None:
        super().__init__(**options)
        self._shared_space = shared_space

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {name: space for name, space in self._shared_space.calculate(study).items() if not space.single()}


def new_pruner(config: StageConfig) -> optuna.pruners.BasePruner:
    """The pruner of a stage; its warm-up is a share of the stage's epochs."""
    if isinstance(config.pruner, NoPruner):
        return optuna.pruners.NopPruner()
    warmup = math.ceil(config.pruner.warmup_ratio * config.epochs)
    # Optuna prunes from the step n_warmup_steps on, and our first epoch is step 1.
    return optuna.pruners.MedianPruner(n_startup_trials=config.pruner.n_startup_trials, n_warmup_steps=warmup + 1)
