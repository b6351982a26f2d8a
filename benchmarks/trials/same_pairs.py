"""Corpora for the speed benchmarks: each pair fits one window, and all epochs of all methods use the same pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from staged_search import bundled_corpus

from psy_agents.agents.encoders.loading import locate_encoder
from psy_agents.agents.encoders.tokenizer import load_tokenizer
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.origins import IMPLICIT_NEGATIVE
from psy_agents.training.data import split_pairs, tokenise

NEGATIVES = 2.0  # Implicit ones in training, per positive pair.
MAX_LENGTH = 192


def same_pairs(posts: int | None, encoder: str, negatives_a_positive: float = NEGATIVES) -> Corpus:
    """The bundled corpus without the posts that need a second window, with one fixed draw of training negatives."""
    corpus = bundled_corpus(posts)
    tokenizer = load_tokenizer(locate_encoder(encoder))
    every = split_pairs(corpus, "train", "validation", "test")
    windows = tokenise(tokenizer, every, max_length=MAX_LENGTH, overlap=0.0, positions=tokenizer.model_max_length)
    long_texts = {every.texts[i] for i in np.flatnonzero(np.bincount(windows.pair) > 1)}
    short = set(corpus.posts.loc[~corpus.posts["text"].isin(long_texts), "post_id"])
    pairs = corpus.pairs[corpus.pairs["post_id"].isin(short)]
    in_training = pairs["post_id"].isin(corpus.members("train")) & (pairs["origin"] == IMPLICIT_NEGATIVE)
    wanted = int(negatives_a_positive * (pairs["post_id"].isin(corpus.members("train")) & (pairs["label"] == 1)).sum())
    negatives = np.random.default_rng(0).permutation(pairs.index[in_training])
    return replace(
        corpus,
        posts=corpus.posts[corpus.posts["post_id"].isin(short)],
        pairs=pairs.drop(index=negatives[wanted:]),
        sentences=corpus.sentences[corpus.sentences["post_id"].isin(short)],
        splits=corpus.splits[corpus.splits["post_id"].isin(short)],
    )
