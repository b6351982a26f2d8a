"""What simple rules reach on the pairs that the search is scored on."""

from __future__ import annotations

from psy_agents.corpus.corpus import Corpus


def score_baselines(corpus: Corpus) -> dict[str, dict[str, float]]:
    """Score every baseline on validation, the split on which a search chooses."""
    from psy_agents.evaluation.baselines import baseline_table

    return baseline_table(corpus.posts, corpus.pairs, corpus.splits, corpus.criteria, "validation")
