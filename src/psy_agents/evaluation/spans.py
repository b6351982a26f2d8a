"""Spans of a text, the words and sentences of a text, and operations on sorted spans.

A span is half open: ``start`` is its first character and ``end`` is one past its last. Offsets count characters.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import regex

from psy_agents.corpus.scripts import FULL_STOPS, UNSPACED

Offsets = tuple[int, int]
"""Start and end of a span."""


class Span(NamedTuple):
    """A predicted span.

    Attributes:
        start, end: character offsets into the post; ``post[start:end]`` is the span.
        score: the score that the decoding rule compares with its threshold (`psy_agents.agents.decoding.DecodingRule`); None
            for a baseline.
        quote: the text of the span; None if the caller wants no quotes.
    """

    start: int
    end: int
    score: float | None = None
    quote: str | None = None

    @property
    def offsets(self) -> Offsets:
        """Start and end."""
        return self.start, self.end


# In Python's `re`, \w is [\p{L}\p{N}_]: without combining marks, such as the vowel signs of Hindi. A joiner counts inside a word.
_LETTER, _MARK = r"[\p{L}\p{N}_]", r"\p{M}|[\u200c\u200d](?=[\p{L}\p{N}\p{M}_])"
_WORD = regex.compile(rf"(?V1)[{_LETTER}&&[{UNSPACED}]](?:{_MARK})*+|[{_LETTER}--[{UNSPACED}]](?:[{_LETTER}--[{UNSPACED}]]|{_MARK})*+")
_SENTENCE_END = re.compile(
    rf"[{FULL_STOPS}][{FULL_STOPS}.!?…]*[\"'”’)\]」』）】》〉］]*\s*|(?<=[.!?…])[\"'”’)\]]*\s+|\n+"
)


def merge(starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort spans, merge those that overlap or touch, and drop empty ones."""
    non_empty = ends > starts
    order = np.argsort(starts[non_empty], kind="stable")
    starts, ends = starts[non_empty][order], np.maximum.accumulate(ends[non_empty][order])
    starts_new = np.ones(len(starts), dtype=bool)
    starts_new[1:] = starts[1:] > ends[:-1]
    return starts[starts_new], ends[np.roll(starts_new, -1)]


def covered_length_below(points: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """For each point, the number of characters below it that lie in any of the merged spans."""
    n_started = np.searchsorted(starts, points, side="right")
    length_of_first = np.concatenate([[0], np.cumsum(ends - starts)])
    end_of_last = np.concatenate([[np.iinfo(np.int64).min], ends])[n_started]
    return length_of_first[n_started] - (np.maximum(end_of_last, points) - points)


def overlap_lengths(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """For each span of merged ``a``, the length of its intersection with merged ``b``."""
    return covered_length_below(a[1], *b) - covered_length_below(a[0], *b)


def touched_units(units: np.ndarray, starts: np.ndarray | int, ends: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """The units (words, sentences) that each span touches: index of the first, and one past the index of the last.

    Args:
        units: (units, 2) offsets, sorted, without overlap.
        starts, ends: offsets of each span.
    """
    return np.searchsorted(units[:, 1], starts, side="right"), np.searchsorted(units[:, 0], ends, side="left")


def word_spans(text: str) -> np.ndarray:
    r"""(words, 2) character offsets of the words: runs of word characters (``\w+``) with their combining marks.

    Where a script puts no spaces between words (`psy_agents.corpus.scripts.UNSPACED`), each letter is a word, as in alignment.
    """
    return np.array([match.span() for match in _WORD.finditer(text)], dtype=np.int64).reshape(-1, 2)


def sentence_spans(text: str) -> list[Offsets]:
    """Offsets of the sentences of a text: cut after . ! ? or an ellipsis followed by white space, after a full stop of another
    script (`psy_agents.corpus.scripts.FULL_STOPS`), and at line breaks.

    A closing quotation mark or bracket stays with its sentence. The rule is the same for every corpus and agent; an
    abbreviation may cut a sentence in two.
    """
    spans, start = [], 0
    for match in [*_SENTENCE_END.finditer(text), None]:
        stop = len(text) if match is None else match.end()
        piece = text[start:stop]
        if piece.strip():
            lead = len(piece) - len(piece.lstrip())
            spans.append((start + lead, start + len(piece.rstrip())))
        start = stop
    return spans
