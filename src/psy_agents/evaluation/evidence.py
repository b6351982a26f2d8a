"""How well predicted evidence spans agree with the annotated ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psy_agents.evaluation.spans import Span, intersection, length, merge, sentence_spans, touched, word_spans


def precision_recall_f1(hits: float, predicted: float, gold: float) -> tuple[float, float, float]:
    """Precision, recall and F1 from counts; 0 where nothing was predicted or there was nothing to find."""
    precision = hits / predicted if predicted else 0.0
    recall = hits / gold if gold else 0.0
    return precision, recall, 2 * hits / (predicted + gold) if predicted + gold else 0.0


class EvidenceScorer:
    """Scores predictions for the same pairs again and again; the gold side is prepared once.

    ``token_*`` pools words over all pairs, so that predicting nothing scores 0. SQuAD's mean over pairs
    (Rajpurkar et al. 2018) would give it the share of pairs without evidence, about 0.85 here; that view is
    reported apart as ``has_answer_f1`` and ``no_answer_accuracy``.

    Args:
        texts: each pair's post.
        gold: each pair's annotated evidence, as character spans of the post; empty where there is none.
    """

    def __init__(self, texts: Sequence[str], gold: Sequence[Sequence[Span]]) -> None:
        # Pairs of one post share its text: each is cut into words and sentences once.
        units: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for text in texts:
            if text not in units:
                sentences = np.array(sentence_spans(text), dtype=np.int64).reshape(-1, 2)
                units[text] = (word_spans(text), sentences)
        self._units = [units[text] for text in texts]
        self._gold = [merge(spans) for spans in gold]
        self._gold_sets = [set(map(tuple, spans)) for spans in gold]
        self._gold_hits = [
            tuple(touched(unit, spans) for unit in both) for both, spans in zip(self._units, self._gold, strict=True)
        ]
        self._has_answer = np.array([len(spans) > 0 for spans in gold])

    def score(self, predicted: Sequence[Sequence[Span]]) -> dict[str, float]:
        """Return every evidence metric, each between 0 and 1.

        token_precision, token_recall, token_f1: words touched, pooled over pairs.
        sentence_precision, sentence_recall, sentence_f1: the same for sentences touched.
        character_iou: shared by united characters, pooled. exact_match: the span sets are equal, among
        pairs with evidence. has_answer_f1: mean token F1 among those. no_answer_accuracy: nothing predicted,
        among pairs without. answer_f1: F1 of "there is evidence".
        """
        counts = np.zeros((2, 3))
        shared = united = 0
        exact, answer_f1 = [], []
        for both, gold_hits, gold, gold_set, spans in zip(
            self._units, self._gold_hits, self._gold, self._gold_sets, predicted, strict=True
        ):
            merged = merge(spans)
            for kind, (units, truth) in enumerate(zip(both, gold_hits, strict=True)):
                found = touched(units, merged)
                row = (int((found & truth).sum()), int(found.sum()), int(truth.sum()))
                counts[kind] += row
                if kind == 0 and gold:
                    answer_f1.append(precision_recall_f1(*row)[2])
            common = intersection(gold, merged)
            shared += common
            united += length(gold) + length(merged) - common
            if gold:
                exact.append(gold_set == set(map(tuple, spans)))
        answered = np.array([len(spans) > 0 for spans in predicted])
        token, sentence = (precision_recall_f1(*row) for row in counts)
        both_answer = int((answered & self._has_answer).sum())
        unanswerable = ~self._has_answer
        return {
            **dict(zip(("token_precision", "token_recall", "token_f1"), token, strict=True)),
            **dict(zip(("sentence_precision", "sentence_recall", "sentence_f1"), sentence, strict=True)),
            "character_iou": shared / united if united else 0.0,
            "exact_match": float(np.mean(exact)) if exact else 0.0,
            "has_answer_f1": float(np.mean(answer_f1)) if answer_f1 else 0.0,
            "no_answer_accuracy": float((~answered[unanswerable]).mean()) if unanswerable.any() else 0.0,
            "answer_f1": precision_recall_f1(both_answer, int(answered.sum()), int(self._has_answer.sum()))[2],
        }
