"""Small corpora on which it is known what a baseline must reach."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psy_agents.corpus.config import SplitSettings
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.pairs import build_pairs
from psy_agents.corpus.prepare import split_corpus

CRITERIA = {"sleep": "Sleeps badly, lies awake at night.", "grey": "Feels low, every day is grey.", "never": "Never met."}
SENTENCE_COLUMNS = ["post_id", "criterion", "start", "end", "status"]
SENTENCES = {"sleep": "I lie awake at night number {}.", "grey": "My day {} is grey and low."}


def corpus_of(texts: list[str], evidence: dict[str, list[str | None]]) -> Corpus:
    """Posts and the sentence that meets each criterion in each of them, or None."""
    posts = pd.DataFrame({"post_id": [f"p{i}" for i in range(len(texts))], "text": texts})
    rows = [(f"p{i}", found, name, 1) for name, of_posts in evidence.items() for i, found in enumerate(of_posts) if found]
    annotations = pd.DataFrame(rows, columns=["post_id", "sentence_text", "criterion", "status"])
    criteria = {name: wording for name, wording in CRITERIA.items() if name in evidence}
    pairs = build_pairs(posts, annotations.astype({"status": "int8"}), criteria).pairs
    settings = SplitSettings(train=0.6, validation=0.2, test=0.2, near_duplicates=None)
    return Corpus(posts, pairs, pd.DataFrame(columns=SENTENCE_COLUMNS), split_corpus(posts, pairs, settings), criteria)


def build_corpus() -> Corpus:
    """A hundred and twenty posts, whose words tell two of three criteria; the third is never met."""
    rng = np.random.default_rng(0)
    texts, evidence = [], {name: [] for name in CRITERIA}
    for i in range(120):
        parts = [f"Hello from post {i}.", f"The weather was {rng.choice(['fine', 'wet'])}.", f"I went out {i}."]
        for criterion, of_posts in evidence.items():
            of_posts.append(SENTENCES[criterion].format(i) if criterion in SENTENCES and rng.random() < 0.3 else None)
            if of_posts[-1]:
                parts.insert(rng.integers(1, len(parts) + 1), of_posts[-1])
        texts.append(" ".join(parts))
    return corpus_of(texts, evidence)
