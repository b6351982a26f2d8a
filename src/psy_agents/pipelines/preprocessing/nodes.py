"""From raw files to a corpus."""

from __future__ import annotations

import pandas as pd

from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.corpus import Corpus


def prepare(
    posts_raw: pd.DataFrame, annotations_raw: pd.DataFrame, criteria_raw: dict, id_salt: str, settings: CorpusSettings
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict, dict, pd.DataFrame]:
    """Check the raw files and build (post, criterion) pairs with evidence offsets."""
    from psy_agents.corpus.prepare import prepare_corpus

    corpus = prepare_corpus(posts_raw, annotations_raw, criteria_raw, settings, id_salt)
    return corpus.posts, corpus.pairs, corpus.sentences, corpus.criteria, corpus.account, corpus.ratings


def split(posts: pd.DataFrame, pairs: pd.DataFrame, settings: CorpusSettings) -> pd.DataFrame:
    """Split the posts and audit the splits for leakage."""
    from psy_agents.corpus.prepare import split_corpus

    return split_corpus(posts, pairs, settings.splits)


def assemble(posts: pd.DataFrame, pairs: pd.DataFrame, sentences: pd.DataFrame, splits: pd.DataFrame, criteria: dict) -> Corpus:
    """Put the tables together, as all later nodes read them."""
    return Corpus(posts, pairs, sentences, splits, criteria)
