"""Character intervals, words and sentences of a text."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

Span = tuple[int, int]

_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n+")


def merge(spans: Sequence[Span]) -> list[Span]:
    """Sort intervals and join those that overlap or touch."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def length(spans: Sequence[Span]) -> int:
    """Characters covered by merged intervals."""
    return sum(end - start for start, end in spans)


def intersection(a: Sequence[Span], b: Sequence[Span]) -> int:
    """Characters covered by both of two merged lists of intervals."""
    i = j = shared = 0
    while i < len(a) and j < len(b):
        shared += max(0, min(a[i][1], b[j][1]) - max(a[i][0], b[j][0]))
        if a[i][1] <= b[j][1]:
            i += 1
        else:
            j += 1
    return shared


def word_spans(text: str) -> np.ndarray:
    """(words, 2) character offsets of the runs of word characters."""
    return np.array([match.span() for match in _WORD.finditer(text)], dtype=np.int64).reshape(-1, 2)


def sentence_spans(text: str) -> list[Span]:
    """Offsets of sentences: cut after . ! ? or an ellipsis followed by white space, and at line breaks.

    A plain rule, the same for every corpus and agent: abbreviations may cut a sentence in two.
    """
    spans, start = [], 0
    for match in [*_SENTENCE_END.finditer(text), None]:
        stop = len(text) if match is None else match.start()
        piece = text[start:stop]
        if piece.strip():
            lead = len(piece) - len(piece.lstrip())
            spans.append((start + lead, start + len(piece.rstrip())))
        start = stop if match is None else match.end()
    return spans


def touched(units: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    """For each unit (start, end), whether it shares a character with any of the intervals."""
    hit = np.zeros(len(units), dtype=bool)
    for start, end in spans:
        hit |= (units[:, 0] < end) & (units[:, 1] > start)
    return hit
