"""What simple rules reach on the pairs that the search is scored on."""

from __future__ import annotations

import logging

import pandas as pd

log = logging.getLogger(__name__)


def score_baselines(posts: pd.DataFrame, pairs: pd.DataFrame, splits: pd.DataFrame, criteria: dict) -> dict[str, dict[str, float]]:
    """Score every baseline on validation, the split on which a search chooses."""
    from psy_agents.evaluation.baselines import baseline_table

    table = baseline_table(posts, pairs, splits, criteria, "validation")
    for metric in ("macro_f1", "token_f1"):
        values = ", ".join(f"{name} {figures[metric]:.3f}" for name, figures in table.items() if metric in figures)
        log.info("%s of baselines on validation: %s", metric, values)
    return table
