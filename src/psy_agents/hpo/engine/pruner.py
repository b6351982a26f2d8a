"""The pruner of a stage."""

from __future__ import annotations

import math

import optuna

from psy_agents.hpo.config import NoPruner, StageConfig


def new_pruner(config: StageConfig) -> optuna.pruners.BasePruner:
    """The pruner of a stage; its warm-up is a share of the stage's epochs."""
    if isinstance(config.pruner, NoPruner):
        return optuna.pruners.NopPruner()
    warmup = math.ceil(config.pruner.warmup_ratio * config.epochs)
    # Optuna prunes from the step n_warmup_steps on, and our first epoch is step 1.
    return optuna.pruners.MedianPruner(n_startup_trials=config.pruner.n_startup_trials, n_warmup_steps=warmup + 1)
