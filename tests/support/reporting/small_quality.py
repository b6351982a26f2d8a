"""A small corpus with made-up words, and its data quality with words as tokens."""

import re

import numpy as np
import pandas as pd

from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.prepare import prepare_corpus, split_corpus
from psy_agents.corpus.quality import Windowing, describe_quality

CRITERIA = {"sleep": "Sleeps badly.", "mood": "Low mood."}
CANARY = "xylocanary"


def word_ends(texts):
    """A tokenizer whose tokens are the words."""
    for text in texts:
        yield np.array([match.end() for match in re.finditer(r"\S+", text)], dtype=np.int64)


WINDOWING = Windowing(encoder="words", max_length=10, longest_criterion=4, overlap=0.5, token_ends=word_ends)


def raw_tables(n=40, criteria=CRITERIA):
    """Posts of 12 words; those of the first criterion have their evidence at the end, all others at the start."""
    ids = list(criteria)
    labels = [ids[i % len(ids)] for i in range(n)]
    posts = pd.DataFrame(
        {
            "post_id": [f"{CANARY}{i}" for i in range(n)],
            "text": [f"Mark {i} is {CANARY}{i} alone. Then came {i} and was sign{i} again." for i in range(n)],
        }
    )
    annotations = pd.DataFrame(
        {
            "post_id": posts["post_id"],
            "sentence_text": [
                f"came {i} and was sign{i} again." if label == ids[0] else f"Mark {i} is {CANARY}{i} alone."
                for i, label in enumerate(labels)
            ],
            "DSM5_symptom": labels,
            "status": ["1" if i % 4 < 2 else "0" for i in range(n)],
        }
    )
    return posts, annotations


def prepared(posts, annotations, criteria=CRITERIA, **settings):
    settings = CorpusSettings.model_validate(settings)
    corpus = prepare_corpus(posts, annotations, criteria, settings, salt="salt")
    splits = split_corpus(corpus.posts, corpus.pairs, settings.splits)
    return corpus.account, Corpus(corpus.posts, corpus.pairs, corpus.sentences, splits, corpus.criteria), settings


def quality_of(*tables, criteria=CRITERIA, windowing=WINDOWING, **settings):
    return describe_quality(*prepared(*(tables or raw_tables(criteria=criteria)), criteria, **settings), windowing)
