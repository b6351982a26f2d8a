"""Optuna's pruner of a stage that has one; rungs are a rule of our own (`rungs`)."""

from __future__ import annotations

import math

import optuna

from psy_agents.hpo.config import StageConfig


def median_pruner(config: StageConfig) -> optuna.pruners.MedianPruner:
    """Optuna's pruner of a stage whose pruner is a `MedianPruner`; its warm-up is a share of the stage's epochs."""
    warmup = math.ceil(config.pruner.warmup_ratio * config.epochs)
    # Optuna prunes from the step n_warmup_steps on, and our first epoch is step 1.
    return optuna.pruners.MedianPruner(n_startup_trials=config.pruner.n_startup_trials, n_warmup_steps=warmup + 1)
