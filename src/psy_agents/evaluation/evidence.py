"""Agreement of predicted evidence spans with the annotated ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from psy_agents.evaluation.metrics.kinds import ratio
from psy_agents.evaluation.metrics.registry import EVIDENCE_METRICS
from psy_agents.evaluation.spans import Offsets, merge, overlap_lengths, sentence_spans, touched_units, word_spans

COUNTS = (
    *(f"{unit}_{part}" for unit in ("token", "sentence", "character", "answer") for part in ("both", "predicted", "gold")),
    "exact",
    "f1",
    "pairs",
)
"""The columns of `EvidenceScorer.counts`: the number of units in both, predicted and gold, and the terms of the other metrics."""


def evidence_metrics(
    texts: Sequence[str], gold: Sequence[Sequence[Offsets]], predicted: Sequence[Sequence[Offsets]]
) -> dict[str, float]:
    """Every evidence metric of one set of predictions."""
    return EvidenceScorer(texts, gold).score(predicted)


def evidence_metrics_of_sums(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Every evidence metric, from sums over pairs of their counts.

    Args:
        sums: (..., COUNTS) of `EvidenceScorer.counts`.

    Returns:
        (...) of each metric.
    """
    by_name = {name: sums[..., number] for number, name in enumerate(COUNTS)}
    return {name: metric.compute(by_name) for name, metric in EVIDENCE_METRICS.items()}


class EvidenceScorer:
    """Scores predictions for the same pairs many times; it prepares the gold spans once.

    Args:
        texts: each pair's post.
        gold: each pair's annotated evidence, as character spans of the post; empty if there is none.
        known: (pairs) False if the position of the annotated evidence is unknown, at least in part: such a pair is
            left out of every metric. None: all are known.
    """

    def __init__(
        self, texts: Sequence[str], gold: Sequence[Sequence[Offsets]], known: Sequence[bool] | np.ndarray | None = None
    ) -> None:
        self._n_pairs = len(texts)
        self._known_rows = np.flatnonzero(np.ones(len(texts), dtype=bool) if known is None else np.asarray(known, dtype=bool))
        # Pairs of one post share its text, which is cut into words and sentences once.
        code = {text: number for number, text in enumerate(dict.fromkeys(texts[i] for i in self._known_rows))}
        text_of_pair = np.array([code[texts[i]] for i in self._known_rows], dtype=np.int64)
        lengths = np.array([len(text) for text in code], dtype=np.int64)
        self._lengths = lengths[text_of_pair]
        self._words = UnitAxis.of_units([word_spans(text) for text in code], lengths, text_of_pair)
        sentences = [np.array(sentence_spans(text), dtype=np.int64).reshape(-1, 2) for text in code]
        self._sentences = UnitAxis.of_units(sentences, lengths, text_of_pair)
        self._characters = UnitAxis.of_characters(self._lengths)

        spans = self._flatten(gold)
        self._gold = {axis: axis.intervals(*spans) for axis in (self._words, self._sentences, self._characters)}
        self._gold_codes = self._span_codes(*spans)
        self._has_answer = np.bincount(spans[0], minlength=len(self._known_rows)) > 0

    def score(self, predicted: Sequence[Sequence[Offsets]]) -> dict[str, float]:
        """Return every evidence metric by name; a metric is 0 if no pair defines it.

        Args:
            predicted: spans of each pair, in the order of ``texts``. The spans of a pair may overlap, in any order.
        """
        sums = self.counts(predicted).sum(axis=0)
        return {name: float(value) for name, value in evidence_metrics_of_sums(sums).items()}

    def counts(self, predicted: Sequence[Sequence[Offsets]]) -> np.ndarray:
        """The terms of each pair in the sums for `evidence_metrics_of_sums`.

        Returns:
            (pairs, COUNTS) ``exact`` and ``f1`` are 0 for pairs without evidence; ``pairs`` is 1. All are 0 for a pair with unknown
            evidence.
        """
        if len(predicted) != self._n_pairs:
            raise ValueError(f"There are {len(predicted)} predictions for {self._n_pairs} pairs.")
        spans = self._flatten(predicted)
        token, sentence, character = (self._unit_counts(axis, spans) for axis in (self._words, self._sentences, self._characters))
        answered = np.bincount(spans[0], minlength=len(self._known_rows)) > 0
        answer = (answered & self._has_answer, answered, self._has_answer)
        exact, f1 = self._exact_matches(spans) & self._has_answer, ratio(2 * token[0], token[1] + token[2]) * self._has_answer
        counts = np.zeros((self._n_pairs, len(COUNTS)))
        counts[self._known_rows] = np.stack([*token, *sentence, *character, *answer, exact, f1, np.ones(len(self._known_rows))], axis=1)
        return counts

    def _flatten(self, spans_of_pairs: Sequence[Sequence[Offsets]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pair, start and end of every non-empty span of the pairs with known evidence."""
        known = [spans_of_pairs[i] for i in self._known_rows]
        pair = np.repeat(np.arange(len(known)), np.fromiter(map(len, known), np.int64, len(known)))
        flat = np.fromiter(chain.from_iterable(chain.from_iterable(known)), np.int64).reshape(-1, 2)
        start, end = flat[:, 0], flat[:, 1]
        if (start < 0).any() or (end > self._lengths[pair]).any():
            raise ValueError("A span reaches outside its post.")
        non_empty = end > start
        return pair[non_empty], start[non_empty], end[non_empty]

    def _unit_counts(self, axis: UnitAxis, spans: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each pair, the number of units that are both, predicted and gold."""
        gold, predicted = self._gold[axis], axis.intervals(*spans)
        return (
            axis.sum_by_pair(predicted[0], overlap_lengths(predicted, gold)),
            axis.sum_by_pair(predicted[0], predicted[1] - predicted[0]),
            axis.sum_by_pair(gold[0], gold[1] - gold[0]),
        )

    def _span_codes(self, pair: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """A distinct integer for each span of each pair."""
        first = self._characters.first[pair]
        return np.unique((first + start) * (self._lengths.max(initial=0) + 1) + end)

    def _exact_matches(self, spans: tuple[np.ndarray, ...]) -> np.ndarray:
        codes = self._span_codes(*spans)
        wrong = np.setxor1d(codes, self._gold_codes, assume_unique=True) // (self._lengths.max(initial=0) + 1)
        return self._characters.sum_by_pair(wrong, np.ones(len(wrong))) == 0


@dataclass(frozen=True, eq=False)
class UnitAxis:
    """The units (words, sentences, characters) of all pairs on one axis, one pair after another, with a gap after each.

    A span of a pair is an interval of integers on the axis: the units that it touches. All pairs are counted together.

    Attributes:
        first: (pairs) position of the first unit of each pair.
        locate: from pair, start and end of spans, the position of the first unit that each touches, and of the unit after the last.
    """

    first: np.ndarray
    locate: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

    @classmethod
    def of_characters(cls, lengths: np.ndarray) -> UnitAxis:
        """Every character of a text is a unit."""
        first = _starts_of_sizes(lengths + 1)
        return cls(first, lambda pair, start, end: (first[pair] + start, first[pair] + end))

    @classmethod
    def of_units(cls, units: Sequence[np.ndarray], lengths: np.ndarray, text_of_pair: np.ndarray) -> UnitAxis:
        """The units of each text are (units, 2) character offsets, sorted, without overlap."""
        n_units = np.array([len(unit) for unit in units], dtype=np.int64)
        first = _starts_of_sizes(n_units[text_of_pair] + 1)
        shift = first - _starts_of_sizes(n_units)[text_of_pair]
        text_start = _starts_of_sizes(lengths)
        character = text_start[text_of_pair]
        flat = np.concatenate([np.empty((0, 2), np.int64), *units]) + np.repeat(text_start, n_units)[:, None]

        def locate(pair: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            low, high = touched_units(flat, character[pair] + start, character[pair] + end)
            return low + shift[pair], high + shift[pair]

        return cls(first, locate)

    @classmethod
    def of_words(cls, texts: Sequence[str]) -> UnitAxis:
        """The words of each pair's text. Pairs of one post share its text, which is cut once."""
        code = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        text_of_pair = np.array([code[text] for text in texts], dtype=np.int64)
        lengths = np.array([len(text) for text in code], dtype=np.int64)
        return cls.of_units([word_spans(text) for text in code], lengths, text_of_pair)

    def intervals(self, pair: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Merged intervals of the units that the spans touch."""
        return merge(*self.locate(pair, start, end))

    def sum_by_pair(self, positions: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Sum values at positions of the axis over each pair."""
        pair = np.searchsorted(self.first, positions, side="right") - 1
        return np.bincount(pair, weights=values, minlength=len(self.first))


def _starts_of_sizes(sizes: np.ndarray) -> np.ndarray:
    """Start of each of consecutive pieces with these sizes."""
    return np.cumsum(sizes) - sizes
