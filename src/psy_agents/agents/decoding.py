"""Evidence spans from start and end logits: candidates per window, then spans per post.

A candidate's margin is (start + end logit) - (no-answer start + end logit) of its window (Devlin et al. 2019,
section 4.3). The window's normaliser cancels in it, so margins compare across windows of one post.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

TOP_POSITIONS = 12

Span = tuple[int, int]


@dataclass(frozen=True)
class DecodingRule:
    """How candidates become evidence; chosen on validation and kept with the model.

    Attributes:
        threshold: the least margin of a span over no answer.
        max_spans: the most spans in one pair.
        max_span_tokens: the longest span, in tokens.
    """

    threshold: float = 0.0
    max_spans: int = 4
    max_span_tokens: int = 64


@dataclass(frozen=True)
class Candidates:
    """Candidate spans of many pairs, one entry each: pair, character start and end, margin, tokens."""

    pair: np.ndarray
    start: np.ndarray
    end: np.ndarray
    margin: np.ndarray
    tokens: np.ndarray

    @staticmethod
    def concatenate(parts: Sequence[Candidates]) -> Candidates:
        """Join the candidates of several batches."""
        fields = ("pair", "start", "end", "margin", "tokens")
        return Candidates(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))

    def of_pairs(self, wanted: np.ndarray) -> Candidates:
        """Only the candidates of the pairs that ``wanted`` (pairs) marks True."""
        keep = wanted[self.pair]
        return Candidates(self.pair[keep], self.start[keep], self.end[keep], self.margin[keep], self.tokens[keep])


def window_candidates(
    start_BT: Tensor, end_BT: Tensor, char_start_BT: np.ndarray, char_end_BT: np.ndarray, pair_B: np.ndarray
) -> Candidates:
    """Return the spans between each window's best ``TOP_POSITIONS`` starts and ends.

    Args:
        start_BT, end_BT: logits, -inf where a token cannot be evidence, position 0 the no-answer logit.
        char_start_BT, char_end_BT: character offsets of the tokens, -1 outside the post.
    """
    null_B = start_BT[:, 0] + end_BT[:, 0]
    k = min(TOP_POSITIONS, start_BT.shape[1] - 1)
    start_BK, start_at_BK = start_BT[:, 1:].topk(k)
    end_BK, end_at_BK = end_BT[:, 1:].topk(k)
    margin_BKK = start_BK.unsqueeze(2) + end_BK.unsqueeze(1) - null_B.view(-1, 1, 1)
    tokens_BKK = end_at_BK.unsqueeze(1) - start_at_BK.unsqueeze(2) + 1
    valid_BKK = (tokens_BKK > 0) & torch.isfinite(margin_BKK)
    window, row, column = valid_BKK.nonzero(as_tuple=True)
    start_at = (start_at_BK[window, row] + 1).cpu().numpy()
    end_at = (end_at_BK[window, column] + 1).cpu().numpy()
    margin = margin_BKK[window, row, column].float().cpu().numpy()
    tokens = tokens_BKK[window, row, column].cpu().numpy()
    window = window.cpu().numpy()
    return Candidates(pair_B[window], char_start_BT[window, start_at], char_end_BT[window, end_at], margin, tokens)


def ranked_spans(candidates: Candidates, max_span_tokens: int) -> Candidates:
    """Keep, best margin first, the candidates that overlap no better one of the same pair."""
    short = candidates.tokens <= max_span_tokens
    kept: list[int] = []
    taken: dict[int, list[Span]] = {}
    order = np.flatnonzero(short)[np.argsort(-candidates.margin[short], kind="stable")]
    for i in order.tolist():
        start, end = int(candidates.start[i]), int(candidates.end[i])
        spans = taken.setdefault(int(candidates.pair[i]), [])
        if all(end <= s or start >= e for s, e in spans):
            spans.append((start, end))
            kept.append(i)
    fields = ("pair", "start", "end", "margin", "tokens")
    return Candidates(*(getattr(candidates, name)[kept] for name in fields))


def decode(candidates: Candidates, rule: DecodingRule, n_pairs: int) -> list[list[Span]]:
    """Return each pair's evidence spans, in the post's order; an empty list is "no evidence"."""
    return [[(start, end) for start, end, _ in found] for found in decode_with_margins(candidates, rule, n_pairs)]


def decode_with_margins(candidates: Candidates, rule: DecodingRule, n_pairs: int) -> list[list[tuple[int, int, float]]]:
    """The same with each span's margin over no answer behind it."""
    spans: list[list[tuple[int, int, float]]] = [[] for _ in range(n_pairs)]
    ranked = ranked_spans(candidates, rule.max_span_tokens)
    for pair, start, end, margin in zip(
        ranked.pair.tolist(), ranked.start.tolist(), ranked.end.tolist(), ranked.margin.tolist(), strict=True
    ):
        if margin < rule.threshold:
            break
        if len(spans[pair]) < rule.max_spans:
            spans[pair].append((start, end, margin))
    return [sorted(found) for found in spans]


def choose_rule(
    candidates: Candidates, gold: Sequence[Sequence[Span]], texts: Sequence[str], lengths: Sequence[int]
) -> DecodingRule:
    """Choose threshold, number of spans and their length by pooled token-F1 on these (validation) pairs.

    Spans of one pair never overlap, so their hits and misses add up: sorted by margin, every threshold's
    F1 comes from two cumulative sums. Words are counted by where they start.

    Args:
        gold: character spans of each pair. texts: each pair's post. lengths: span lengths to try, in tokens.
    """
    words = [np.asarray(word_starts(text)) for text in texts]
    gold_words = [_inside(starts, spans) for starts, spans in zip(words, gold, strict=True)]
    n_gold = sum(int(inside.sum()) for inside in gold_words)
    best_f1, best = -1.0, DecodingRule(threshold=float("inf"))
    for max_tokens in sorted(set(lengths)):
        ranked = ranked_spans(candidates, max_tokens)
        if not len(ranked.pair):
            continue
        predicted, hits = np.zeros(len(ranked.pair)), np.zeros(len(ranked.pair))
        for i, (pair, start, end) in enumerate(zip(ranked.pair, ranked.start, ranked.end, strict=True)):
            low, high = np.searchsorted(words[pair], (start, end))
            predicted[i], hits[i] = high - low, gold_words[pair][low:high].sum()
        rank = _rank_in_pair(ranked.pair)
        for max_spans in (1, 2, 3, 5, 8):
            use = rank < max_spans
            f1 = 2 * np.cumsum(hits * use) / np.maximum(np.cumsum(predicted * use) + n_gold, 1)
            f1[:-1][np.diff(ranked.margin) == 0] = -1.0  # a threshold cannot part equal margins
            at = int(np.argmax(f1))
            if f1[at] > best_f1:
                best_f1, best = f1[at], DecodingRule(float(ranked.margin[at]), max_spans, int(max_tokens))
    return best


def _rank_in_pair(pairs: np.ndarray) -> np.ndarray:
    seen: dict[int, int] = {}
    ranks = np.empty(len(pairs), dtype=int)
    for i, pair in enumerate(pairs.tolist()):
        ranks[i] = seen.get(pair, 0)
        seen[pair] = ranks[i] + 1
    return ranks


def _inside(starts: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    inside = np.zeros(len(starts), dtype=bool)
    for start, end in spans:
        low, high = np.searchsorted(starts, (start, end))
        inside[low:high] = True
    return inside


def word_starts(text: str) -> list[int]:
    """Character offsets at which the words of a text begin."""
    import re

    return [match.start() for match in re.finditer(r"\w+", text)]
