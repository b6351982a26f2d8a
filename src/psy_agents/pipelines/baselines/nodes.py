"""The scores of simple baselines."""

from __future__ import annotations

from psy_agents.corpus.corpus import Corpus


def score_baselines(corpus: Corpus) -> dict[str, dict[str, float]]:
    """Score every baseline on validation, the split that a search optimises."""
    from psy_agents.evaluation.baselines import baseline_table

    return baseline_table(corpus, "validation")
