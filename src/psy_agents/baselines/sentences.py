"""Sentences of posts as candidate evidence, and logistic regression on vectors of posts. P: pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from psy_agents.agents.decoding import Candidates
from psy_agents.evaluation.spans import Offsets, sentence_spans
from psy_agents.training.data import PairData
from psy_agents.training.scoring import Answers

MOST_SENTENCES = 8
"""Candidates of a pair: the most spans that a decoding rule may choose."""

Vectors = Callable[[Sequence[str]], Any]
"""Texts as the rows of a matrix, dense or sparse."""


def distinct(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The distinct texts, in the order of their first appearance, and the index of each text among them."""
    code = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    return list(code), np.array([code[text] for text in texts], dtype=np.int64)


def sentence_candidates(data: PairData, similarity: Callable[[list[str]], np.ndarray]) -> Candidates:
    """The best sentences of each pair's post by their similarity to the criterion.

    Args:
        similarity: (sentences, criteria) from sentences; its values are the candidates' margins.
    """
    texts, text_P = distinct(data.texts)
    spans = [sentence_spans(text) for text in texts]
    first = np.cumsum([0, *map(len, spans)])
    values = similarity([text[start:end] for text, of_text in zip(texts, spans, strict=True) for start, end in of_text])
    chosen, found, margins = [], [], []
    for pair, (text, criterion) in enumerate(zip(text_P.tolist(), data.criterion.tolist(), strict=True)):
        of_pair = values[first[text] : first[text + 1], criterion]
        for i in np.argsort(-of_pair, kind="stable")[:MOST_SENTENCES].tolist():
            chosen.append(pair)
            found.append(spans[text][i])
            margins.append(of_pair[i])
    return candidates_of(chosen, found, margins)


def candidates_of(pairs: Sequence[int], spans: Sequence[Offsets], margins: Sequence[float]) -> Candidates:
    """Whole sentences as candidates; they count as one token each."""
    start, end = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    n = len(start)
    return Candidates(
        np.array(pairs, dtype=np.int64), start, end, np.array(margins, dtype=np.float64), np.ones(n, dtype=np.int64), np.ones(n, dtype=bool)
    )


class TextModel:
    """One logistic regression per criterion on vectors of posts, and the sentences nearest to each criterion's wording.

    Both classes have the same total weight, so one threshold suits rare and frequent criteria. For a criterion with one class in the
    training pairs, the probability is the label of this class; for a criterion without training pairs it is 0.

    Args:
        posts: vectors of posts, for the regression.
        sentences: vectors of sentences and of criteria; the similarity is their product.
        c: inverse strength of regularisation; None: no regression.
    """

    def __init__(self, train: PairData, posts: Vectors, sentences: Vectors, c: float | None) -> None:
        self._posts, self._sentences = posts, sentences
        self._models: dict[int, Any] = {} if c is None else self._fit(train, c)
        self._has_probabilities = c is not None

    def _fit(self, train: PairData, c: float) -> dict[int, Any]:
        from sklearn.linear_model import LogisticRegression

        texts, text_P = distinct(train.texts)
        vectors, models = self._posts(texts), {}
        for criterion in np.unique(train.criterion).tolist():
            rows = np.flatnonzero(train.criterion == criterion)
            labels = train.labels[rows]
            if labels.min() == labels.max():
                models[criterion] = float(labels[0])
            else:
                models[criterion] = LogisticRegression(C=c, class_weight="balanced", max_iter=1000).fit(vectors[text_P[rows]], labels)
        return models

    def __call__(self, data: PairData) -> Answers:
        """The answers to pairs."""
        wording = self._sentences(list(data.criteria.values()))

        def similarity(sentences: list[str]) -> np.ndarray:
            product = self._sentences(sentences) @ wording.T
            return product.toarray() if hasattr(product, "toarray") else product

        return Answers(self._probabilities(data) if self._has_probabilities else None, sentence_candidates(data, similarity))

    def _probabilities(self, data: PairData) -> np.ndarray:
        texts, text_P = distinct(data.texts)
        vectors, probabilities_P = self._posts(texts), np.zeros(len(data))
        for criterion, model in self._models.items():
            rows = np.flatnonzero(data.criterion == criterion)
            if isinstance(model, float):
                probabilities_P[rows] = model
            elif len(rows):
                probabilities_P[rows] = model.predict_proba(vectors[text_P[rows]])[:, 1]
        return probabilities_P
