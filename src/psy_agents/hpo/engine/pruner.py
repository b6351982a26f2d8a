"""Optuna's pruner of a stage, if it has one; rungs are a rule of our own (`rungs`)."""

from __future__ import annotations

import math

import optuna

from psy_agents.hpo.config import MedianPruner, StageConfig


def new_pruner(config: StageConfig) -> optuna.pruners.BasePruner:
    """Optuna's pruner of a stage; its warm-up is a share of the stage's epochs. It stops no trial where the stage has another."""
    if not isinstance(config.pruner, MedianPruner):
        return optuna.pruners.NopPruner()
    warmup = math.ceil(config.pruner.warmup_ratio * config.epochs)
    # Optuna prunes from the step n_warmup_steps on, and our first epoch is step 1.
    return optuna.pruners.MedianPruner(n_startup_trials=config.pruner.n_startup_trials, n_warmup_steps=warmup + 1)
