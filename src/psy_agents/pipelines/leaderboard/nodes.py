"""The best trial of each agent, stage and encoder, as a node."""

from __future__ import annotations

import pandas as pd

from psy_agents.agents.registry import AGENTS
from psy_agents.corpus.corpus import Corpus


def make_leaderboard(corpus: Corpus, baselines: dict, store: str, *summaries: dict | None) -> tuple[pd.DataFrame, str]:
    """Print the leaderboard of all searches on this corpus; return it as a table and as a page.

    Args:
        summaries: of each agent's refit, None where there is none yet.
    """
    from psy_agents.hpo.study.store import read_studies
    from psy_agents.reporting.leaderboard import leaderboard_page, leaderboard_table, print_leaderboard

    table = leaderboard_table(read_studies(store), corpus.fingerprint, baselines, dict(zip(AGENTS, summaries, strict=True)))
    print_leaderboard(table)
    return table, leaderboard_page(table, corpus.fingerprint)
