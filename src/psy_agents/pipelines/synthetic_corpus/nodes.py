"""The synthetic corpus, as a node."""

from __future__ import annotations

import pandas as pd

from psy_agents.corpus.synthetic.config import SyntheticCorpusConfig


def make_corpus(config: SyntheticCorpusConfig) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Generate posts, annotations and criteria."""
    from psy_agents.corpus.synthetic.generator import generate_corpus

    corpus = generate_corpus(config.n_posts, config.seed)
    return corpus.posts, corpus.annotations, corpus.criteria
