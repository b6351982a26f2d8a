"""What simple rules reach on the pairs that the search is scored on."""

from __future__ import annotations

import pandas as pd


def score_baselines(posts: pd.DataFrame, pairs: pd.DataFrame, splits: pd.DataFrame, criteria: dict) -> dict[str, dict[str, float]]:
    """Score every baseline on validation, the split on which a search chooses."""
    from psy_agents.evaluation.baselines import baseline_table

    return baseline_table(posts, pairs, splits, criteria, "validation")
