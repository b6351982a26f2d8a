"""The (post, criterion) pairs of a split: texts, labels and evidence, one entry per pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from psy_agents.agents.windows import Windows, tokenise_pairs
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.origins import IMPLICIT_NEGATIVE
from psy_agents.evaluation.spans import Offsets, sentence_spans


@dataclass(frozen=True)
class PairData:
    """Pairs as parallel arrays.

    Attributes:
        texts: the post (unit sentence: the sentence).
        criterion: index into ``criteria``.
        labels: 1 where the criterion is met.
        spans: evidence as character spans of the text.
        known: whether all evidence is known; only then are spans learned.
        implicit: whether the pair is a negative without annotation.
    """

    criteria: Mapping[str, str]
    texts: list[str]
    criterion: np.ndarray
    labels: np.ndarray
    spans: list[list[Offsets]]
    known: np.ndarray
    implicit: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def concatenate(cls, parts: Sequence[PairData]) -> PairData:
        """The pairs of all parts, one part after another; the parts have the same criteria."""
        joined = {name: [each for part in parts for each in getattr(part, name)] for name in ("texts", "spans")}
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("criterion", "labels", "known", "implicit")}
        return cls(criteria=parts[0].criteria, **joined, **arrays)

    @property
    def criterion_texts(self) -> list[str]:
        """The criterion's wording, pair by pair."""
        texts = list(self.criteria.values())
        return [texts[i] for i in self.criterion]


def positive_pairs(data: PairData) -> dict[str, int]:
    """Count the positive pairs of each criterion."""
    counts = np.bincount(data.criterion, data.labels, len(data.criteria)).astype(int)
    return dict(zip(data.criteria, counts.tolist(), strict=True))


def unlabelled_pairs(criteria: Mapping[str, str], texts: Sequence[str]) -> PairData:
    """Pair each text with each criterion, text by text, without labels or evidence."""
    n = len(texts) * len(criteria)
    return PairData(
        criteria=criteria,
        texts=[text for text in texts for _ in criteria],
        criterion=np.tile(np.arange(len(criteria)), len(texts)),
        labels=np.zeros(n, dtype=np.int64),
        spans=[[] for _ in range(n)],
        known=np.zeros(n, dtype=bool),
        implicit=np.zeros(n, dtype=bool),
    )


def split_pairs(corpus: Corpus, *splits: str) -> PairData:
    """Return all pairs of the posts of one or more splits."""
    texts = corpus.posts.set_index("post_id")["text"]
    pairs = corpus.pairs[corpus.pairs["post_id"].isin(corpus.members(*splits))]
    index = {criterion: i for i, criterion in enumerate(corpus.criteria)}
    return PairData(
        criteria=corpus.criteria,
        texts=pairs["post_id"].map(texts).tolist(),
        criterion=pairs["criterion"].map(index).to_numpy(dtype=np.int64),
        labels=pairs["label"].to_numpy(dtype=np.int64),
        spans=[
            [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]
            for starts, ends in zip(pairs["starts"], pairs["ends"], strict=True)
        ],
        known=pairs["evidence_known"].to_numpy(dtype=bool),
        implicit=(pairs["origin"] == IMPLICIT_NEGATIVE).to_numpy(),
    )


def annotated_sentences(corpus: Corpus, *splits: str) -> PairData:
    """Pair each annotated sentence of the splits with every criterion (unit: sentence, for training).

    A sentence annotated for one criterion and not for another is an implicit negative of the other.
    """
    texts = corpus.posts.set_index("post_id")["text"]
    rows = corpus.sentences[corpus.sentences["post_id"].isin(corpus.members(*splits))]
    status: dict[tuple[str, int, int], dict[str, int]] = {}
    for post, criterion, start, end, met in rows[["post_id", "criterion", "start", "end", "status"]].itertuples(index=False):
        known = status.setdefault((post, start, end), {})
        known[criterion] = max(int(met), known.get(criterion, 0))
    entries = [
        (texts[post][start:end], i, known.get(criterion, 0), criterion not in known)
        for (post, start, end), known in status.items()
        for i, criterion in enumerate(corpus.criteria)
    ]
    return PairData(
        criteria=corpus.criteria,
        texts=[entry[0] for entry in entries],
        criterion=np.array([entry[1] for entry in entries], dtype=np.int64),
        labels=np.array([entry[2] for entry in entries], dtype=np.int64),
        spans=[[] for _ in entries],
        known=np.zeros(len(entries), dtype=bool),
        implicit=np.array([entry[3] for entry in entries], dtype=bool),
    )


def tokenise(tokenizer, data: PairData, *, max_length: int, overlap: float, positions: int) -> Windows:
    """Cut whole texts into windows."""
    return tokenise_pairs(
        tokenizer, data.criterion_texts, data.texts, max_length=max_length, overlap=overlap, positions=positions
    )


def tokenise_sentences(tokenizer, data: PairData, *, max_length: int, overlap: float, positions: int) -> Windows:
    """Make each sentence of the posts a window; pooling over windows then scores a post by its sentences."""
    pair, criteria, sentences = [], [], []
    for i, (text, criterion) in enumerate(zip(data.texts, data.criterion_texts, strict=True)):
        for start, end in sentence_spans(text) or [(0, len(text))]:
            pair.append(i)
            criteria.append(criterion)
            sentences.append(text[start:end])
    windows = tokenise_pairs(
        tokenizer, criteria, sentences, max_length=max_length, overlap=overlap, positions=positions
    )
    return replace(windows, pair=np.asarray(pair, dtype=np.int64)[windows.pair], n_pairs=len(data))
