"""Baselines: simple rules, evaluated on the same pairs as the agents, that an agent should beat.

Criteria: ``all_positive``; ``majority``, each criterion's more frequent label in train; ``tfidf_logistic``, one
logistic regression per criterion on TF-IDF. Evidence: ``whole_post`` and ``first_sentence``, for every pair;
``tfidf_sentence``, the sentence nearest to the criterion's text by TF-IDF cosine; ``tfidf_logistic_sentence``,
that sentence if ``tfidf_logistic`` predicts the criterion. Thresholds are chosen on validation, as an agent's are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from psy_agents.corpus.corpus import Corpus
from psy_agents.evaluation.classification import classification_metrics
from psy_agents.evaluation.evidence import EvidenceScorer
from psy_agents.evaluation.metrics.registry import OBJECTIVES
from psy_agents.evaluation.predictions import gold_table, predictions_table
from psy_agents.evaluation.scored_pairs import ScoredPairs
from psy_agents.evaluation.spans import Offsets, Span, sentence_spans
from psy_agents.evaluation.thresholds import best_no_answer_threshold, best_threshold

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

Spans = list[list[Offsets]]


@dataclass(frozen=True)
class SplitPairs:
    """The pairs of one split. ``text_index`` and ``criterion_index`` are each pair's indices in ``texts`` and in the criteria."""

    texts: list[str]
    text_index: np.ndarray
    criterion_index: np.ndarray
    labels: np.ndarray
    gold: Spans
    known: np.ndarray


def baseline_table(corpus: Corpus, split: str) -> dict[str, dict[str, float]]:
    """The metrics of every baseline on one split, by the name of the baseline.

    Criteria baselines have the keys of `classification_metrics`, evidence baselines the keys of `EvidenceScorer.score`,
    without pairs whose evidence is unknown.

    Args:
        split: the split to score; the baselines are fitted on train.
    """
    predictions, criteria = baseline_predictions(corpus, split), list(corpus.criteria)
    texts = dict(zip(corpus.posts["post_id"], corpus.posts["text"], strict=True))
    scored = {name: ScoredPairs.from_table(table, texts, criteria) for name, table in predictions.items()}
    scorer = next(iter(scored.values())).evidence_scorer()
    return {
        name: classification_metrics(found.labels, found.probabilities, found.predicted, found.criterion, criteria)
        if found.spans is None
        else scorer.score(found.spans)
        for name, found in scored.items()
    }


def baseline_predictions(corpus: Corpus, split: str) -> dict[str, pd.DataFrame]:
    """The predictions table (`psy_agents.evaluation.predictions`) of every baseline on one split, by the name of the baseline.

    Criteria baselines predict no spans; evidence baselines predict only spans. For the arguments see `baseline_table`.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer  # Every search reads this module for its plots, and fits nothing.

    criteria = corpus.criteria
    train, validation, scored = (_split_pairs(corpus, name) for name in ("train", "validation", split))
    vectorizer = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", ngram_range=(1, 2), sublinear_tf=True)
    vectorizer.fit(train.texts)

    logistic, tuning = logistic_probabilities(vectorizer, train, [scored, validation])
    threshold = best_threshold(validation.labels, tuning, validation.criterion_index)
    in_train = np.bincount(train.criterion_index, minlength=len(criteria))
    prevalence = np.bincount(train.criterion_index, train.labels, len(criteria)) / np.maximum(in_train, 1)
    decisions = {
        "all_positive": (np.ones(len(scored.labels)), 0.5),
        "majority": (prevalence[scored.criterion_index], 0.5),
        "tfidf_logistic": (logistic, threshold),
    }

    nearest, similarity = nearest_sentences(vectorizer, scored, criteria)
    cutoff = nearest_sentence_threshold(vectorizer, validation, criteria)
    spans = {
        "whole_post": _spans_of_pairs([[(0, len(text))] for text in scored.texts], scored.text_index),
        "first_sentence": _spans_of_pairs([sentence_spans(text)[:1] for text in scored.texts], scored.text_index),
        "tfidf_sentence": _spans_where(nearest, similarity >= cutoff),
        "tfidf_logistic_sentence": _spans_where(nearest, logistic >= threshold),
    }

    gold = gold_table(corpus.pairs, corpus.splits, split)
    tables = {
        name: predictions_table(gold, probabilities=values, predicted=values >= cut, spans=None)
        for name, (values, cut) in decisions.items()
    }
    return tables | {
        name: predictions_table(gold, probabilities=None, predicted=None, spans=[[Span(*each) for each in pair] for pair in found])
        for name, found in spans.items()
    }


EVIDENCE_BASELINES = {"all_positive": "whole_post", "tfidf_logistic": "tfidf_logistic_sentence"}
"""The evidence baseline that follows the same rule as a criteria baseline. An objective of both sides takes both from one rule."""


def baseline_objectives(table: Mapping[str, Mapping[str, float]], metrics: Sequence[str], evidence_weight: float) -> dict[str, float]:
    """The value of each baseline in an agent's objective: macro-F1, token-F1, or the weighted mean of both.

    Args:
        table: the result of `baseline_table`.
        metrics: those of the agent's objective (`AgentSpec.objective_metrics`): one or both of `OBJECTIVES`.
        evidence_weight: weight of token-F1 in the mean.
    """
    if len(metrics) == 1:
        (metric,) = metrics
        return {name: scores[metric] for name, scores in table.items() if metric in scores}
    decisions, spans = OBJECTIVES["criteria"], OBJECTIVES["evidence"]
    return {
        name: (1 - evidence_weight) * table[name][decisions] + evidence_weight * table[evidence][spans]
        for name, evidence in EVIDENCE_BASELINES.items()
    }


def logistic_probabilities(
    vectorizer: TfidfVectorizer, train: SplitPairs, targets: Sequence[SplitPairs]
) -> list[np.ndarray]:
    """Probabilities for the pairs of each target, of one logistic regression per criterion fitted on train.

    Both classes have the same total weight, so one threshold suits rare and frequent criteria. The probabilities are not
    calibrated. For a criterion with one class in train the probability is the label of this class.
    """
    from sklearn.linear_model import LogisticRegression

    features = vectorizer.transform(train.texts)
    target_features = [vectorizer.transform(target.texts) for target in targets]
    probabilities = [np.zeros(len(target.labels)) for target in targets]
    for criterion in np.unique(train.criterion_index):
        rows = train.criterion_index == criterion
        labels = train.labels[rows]
        one_class = labels.min() == labels.max()
        if not one_class:
            model = LogisticRegression(class_weight="balanced", max_iter=1000)
            model.fit(features[train.text_index[rows]], labels)
        for target, matrix, values in zip(targets, target_features, probabilities, strict=True):
            target_rows = target.criterion_index == criterion
            if one_class:
                values[target_rows] = labels[0]
            elif target_rows.any():
                values[target_rows] = model.predict_proba(matrix[target.text_index[target_rows]])[:, 1]
    return probabilities


def nearest_sentences(
    vectorizer: TfidfVectorizer, pairs: SplitPairs, criteria: Mapping[str, str]
) -> tuple[Spans, np.ndarray]:
    """For each pair, the sentence with the highest TF-IDF cosine to the criterion's text, and its cosine."""
    sentences = [sentence_spans(text) for text in pairs.texts]
    first = np.cumsum([0, *map(len, sentences)])
    pieces = [text[s:e] for text, spans in zip(pairs.texts, sentences, strict=True) for s, e in spans]
    cosine = (vectorizer.transform(pieces) @ vectorizer.transform(criteria.values()).T).toarray()
    best = np.array([cosine[a:b].argmax(axis=0) for a, b in zip(first[:-1], first[1:], strict=True)])
    chosen = best[pairs.text_index, pairs.criterion_index]
    spans = [[sentences[text][i]] for text, i in zip(pairs.text_index, chosen, strict=True)]
    return spans, cosine[first[pairs.text_index] + chosen, pairs.criterion_index]


def nearest_sentence_threshold(vectorizer: TfidfVectorizer, validation: SplitPairs, criteria: Mapping[str, str]) -> float:
    """The lowest cosine at which the nearest sentence is predicted as evidence, by token-F1 on validation."""
    spans, similarity = nearest_sentences(vectorizer, validation, criteria)
    scorer = _evidence_scorer(validation)
    metric = OBJECTIVES["evidence"]
    return best_no_answer_threshold(similarity, lambda cutoff: scorer.score(_spans_where(spans, similarity >= cutoff))[metric])


def _split_pairs(corpus: Corpus, split: str) -> SplitPairs:
    members = corpus.members(split)
    chosen = corpus.posts[corpus.posts["post_id"].isin(members)]
    rows = corpus.pairs[corpus.pairs["post_id"].isin(members)]
    return SplitPairs(
        texts=chosen["text"].tolist(),
        text_index=pd.Index(chosen["post_id"]).get_indexer(rows["post_id"]),
        criterion_index=pd.Index(list(corpus.criteria)).get_indexer(rows["criterion"]),
        labels=rows["label"].to_numpy(dtype=np.int64),
        gold=[list(zip(starts, ends, strict=True)) for starts, ends in zip(rows["starts"], rows["ends"], strict=True)],
        known=rows["evidence_known"].to_numpy(dtype=bool),
    )


def _evidence_scorer(pairs: SplitPairs) -> EvidenceScorer:
    return EvidenceScorer([pairs.texts[i] for i in pairs.text_index], pairs.gold, pairs.known)


def _spans_of_pairs(spans_of_texts: Spans, text: np.ndarray) -> Spans:
    return [spans_of_texts[i] for i in text]


def _spans_where(spans: Spans, flags: np.ndarray) -> Spans:
    return [span if flag else [] for span, flag in zip(spans, flags.tolist(), strict=True)]
