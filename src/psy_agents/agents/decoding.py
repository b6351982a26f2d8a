"""Evidence spans from start and end logits: candidates per window, then spans per post.

A candidate's margin is (start + end logit) - (no-answer start + end logit) of its window (Devlin et al. 2019,
section 4.3). The window's normaliser cancels, so margins of different windows are comparable. An agent that also predicts
the criterion can add its weighted criterion logit to the margins of all spans of the pair.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from torch import Tensor

from psy_agents.evaluation.evidence import UnitAxis
from psy_agents.evaluation.metrics.kinds import ratio
from psy_agents.evaluation.spans import Offsets, Span, overlap_lengths

TOP_POSITIONS = 12
TOKENS, SENTENCES = "tokens", "sentences"
CRITERION_WEIGHTS = (0.0, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class DecodingRule:
    """How candidates become evidence; chosen on validation and saved with the model.

    Attributes:
        threshold: minimum score of a span. The score is the span's margin plus ``criterion_weight`` times the pair's
            criterion logit.
        max_spans: maximum number of spans in a pair.
        max_span_tokens: maximum length of a span in tokens (unit: tokens).
        unit: ``tokens``, spans between any two tokens; or ``sentences``, whole sentences of the post.
        criterion_weight: weight of the criterion logit; 0 for an agent that predicts no criterion.
    """

    threshold: float = 0.0
    max_spans: int = 4
    max_span_tokens: int = 64
    unit: str = TOKENS
    criterion_weight: float = 0.0


@dataclass(frozen=True)
class Candidates:
    """Candidate spans of many pairs, as parallel arrays.

    Attributes:
        pair: index of the span's pair.
        start, end: character offsets in the post.
        margin: the span's margin over no answer.
        tokens: length of the span in tokens.
        sentence: whether the candidate is a whole sentence.
    """

    pair: np.ndarray
    start: np.ndarray
    end: np.ndarray
    margin: np.ndarray
    tokens: np.ndarray
    sentence: np.ndarray

    @staticmethod
    def concatenate(parts: Sequence[Candidates]) -> Candidates:
        """Join the candidates of several batches."""
        return Candidates(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Candidates)))

    def take(self, chosen: np.ndarray) -> Candidates:
        """Select candidates by indices or by a mask."""
        return Candidates(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def of_pairs(self, mask_P: np.ndarray) -> Candidates:
        """Select the candidates of the pairs for which ``mask_P`` is True."""
        return self.take(mask_P[self.pair])

    def scores(self, criterion_weight: float, criterion_logits_P: np.ndarray | None) -> np.ndarray:
        """Return each candidate's score, as defined in `DecodingRule`."""
        if not criterion_weight:
            return self.margin
        return self.margin + criterion_weight * criterion_logits_P[self.pair]


@dataclass(frozen=True)
class TokenOffsets:
    """Character offsets of the tokens of B windows in their posts, and of the sentence in which each token ends.

    All arrays are (B, T), with -1 outside the post.
    """

    start_BT: np.ndarray
    end_BT: np.ndarray
    sentence_start_BT: np.ndarray
    sentence_end_BT: np.ndarray


def window_candidates(start_BT: Tensor, end_BT: Tensor, offsets: TokenOffsets, pair_B: np.ndarray) -> Candidates:
    """Return the spans between each window's best ``TOP_POSITIONS`` starts and ends, and every sentence of its post.

    A sentence's margin is that of its best start and its best end, anywhere in the sentence: annotators mark whole sentences, so
    only the sentence's likelihood has to be learned. A sentence that a window cuts is scored by its tokens in the window.

    Args:
        start_BT, end_BT: logits; -inf on tokens that cannot be evidence. Position 0 holds the no-answer logit.
    """
    start_BT, end_BT = start_BT.float().cpu().numpy(), end_BT.float().cpu().numpy()
    null_B = start_BT[:, 0] + end_BT[:, 0]
    return Candidates.concatenate(
        [_token_spans(start_BT, end_BT, null_B, offsets, pair_B), _sentences(start_BT, end_BT, null_B, offsets, pair_B)]
    )


def _token_spans(
    start_BT: np.ndarray, end_BT: np.ndarray, null_B: np.ndarray, offsets: TokenOffsets, pair_B: np.ndarray
) -> Candidates:
    start_at_BK, end_at_BK = _best_positions(start_BT), _best_positions(end_BT)
    start_BK, end_BK = np.take_along_axis(start_BT, start_at_BK, 1), np.take_along_axis(end_BT, end_at_BK, 1)
    margin_BKK = start_BK[:, :, None] + end_BK[:, None, :] - null_B[:, None, None]
    tokens_BKK = end_at_BK[:, None, :] - start_at_BK[:, :, None] + 1
    window, row, column = np.nonzero((tokens_BKK > 0) & np.isfinite(margin_BKK))
    found = Candidates(
        pair_B[window],
        offsets.start_BT[window, start_at_BK[window, row]],
        offsets.end_BT[window, end_at_BK[window, column]],
        margin_BKK[window, row, column],
        tokens_BKK[window, row, column],
        np.zeros(len(window), dtype=bool),
    )
    return found.take(found.start < found.end)  # Tokens of white space alone hold no text.


def _best_positions(logits_BT: np.ndarray) -> np.ndarray:
    """Return the best positions after the no-answer position (B, K), best first."""
    return 1 + np.argsort(-logits_BT[:, 1:], axis=1, kind="stable")[:, :TOP_POSITIONS]


def _sentences(
    start_BT: np.ndarray, end_BT: np.ndarray, null_B: np.ndarray, offsets: TokenOffsets, pair_B: np.ndarray
) -> Candidates:
    window, column = np.nonzero(offsets.sentence_start_BT >= 0)
    begin = offsets.sentence_start_BT[window, column]
    opens = np.ones(len(window), dtype=bool)
    opens[1:] = (np.diff(window) != 0) | (np.diff(begin) != 0)
    first = np.flatnonzero(opens)
    best_start, best_end = (
        np.maximum.reduceat(logits_BT[window, column], first) if len(first) else np.zeros(0, dtype=np.float32)
        for logits_BT in (start_BT, end_BT)
    )
    window_S = window[first]
    return Candidates(
        pair_B[window_S],
        begin[first],
        offsets.sentence_end_BT[window_S, column[first]],
        best_start + best_end - null_B[window_S],
        np.diff(first, append=len(window)),
        np.ones(len(first), dtype=bool),
    )


def suppress_overlaps(candidates: Candidates, unit: str, max_span_tokens: int) -> Candidates:
    """Non-maximum suppression: candidates of the unit, best margin first, that overlap no better one of the same pair.

    Args:
        max_span_tokens: maximum length of spans between tokens; sentences may have any length.
    """
    offered = candidates.sentence if unit == SENTENCES else ~candidates.sentence & (candidates.tokens <= max_span_tokens)
    kept: list[int] = []
    taken: dict[int, tuple[list[int], list[int]]] = {}  # Sorted starts and ends: a long post has thousands.
    order = np.flatnonzero(offered)[np.argsort(-candidates.margin[offered], kind="stable")]
    for i in order.tolist():
        start, end = int(candidates.start[i]), int(candidates.end[i])
        starts, ends = taken.setdefault(int(candidates.pair[i]), ([], []))
        before = bisect_left(starts, end)
        if before == 0 or ends[before - 1] <= start:
            starts.insert(before, start)
            ends.insert(before, end)
            kept.append(i)
    return candidates.take(np.array(kept, dtype=np.int64))


def decode(
    candidates: Candidates, rule: DecodingRule, n_pairs: int, criterion_logits_P: np.ndarray | None = None
) -> list[list[Offsets]]:
    """Return each pair's evidence spans, in the post's order; an empty list means no evidence."""
    found = decode_with_scores(candidates, rule, n_pairs, criterion_logits_P)
    return [[span.offsets for span in spans] for spans in found]


def decode_with_scores(
    candidates: Candidates, rule: DecodingRule, n_pairs: int, criterion_logits_P: np.ndarray | None = None
) -> list[list[Span]]:
    """Return each pair's evidence spans with their scores.

    Args:
        criterion_logits_P: required if the rule's ``criterion_weight`` is not 0.
    """
    spans: list[list[Span]] = [[] for _ in range(n_pairs)]
    ranked = suppress_overlaps(candidates, rule.unit, rule.max_span_tokens)
    scores = ranked.scores(rule.criterion_weight, criterion_logits_P)
    for i in np.flatnonzero(scores >= rule.threshold).tolist():
        found = spans[int(ranked.pair[i])]
        if len(found) < rule.max_spans:
            found.append(Span(int(ranked.start[i]), int(ranked.end[i]), float(scores[i])))
    return [sorted(found) for found in spans]


def choose_rule(
    candidates: Candidates,
    gold: Sequence[Sequence[Offsets]],
    texts: Sequence[str],
    lengths: Sequence[int],
    criterion_logits_P: np.ndarray | None = None,
    weights_P: np.ndarray | None = None,
) -> DecodingRule:
    """Choose the rule with the highest pooled token-F1 on these (validation) pairs; ties go to the simpler rule.

    Words are counted as `EvidenceScorer` counts them: a word is predicted if a span touches it, and counts once however many do. A span
    adds the words that no better span of its pair touches, so with spans sorted by score, two cumulative sums give the F1 at every
    threshold.

    Args:
        gold: character spans of each pair.
        texts: the post of each pair.
        lengths: values of ``max_span_tokens`` to try.
        criterion_logits_P: criterion logits, if the agent predicts the criterion.
        weights_P: of each pair in the counts of words; None: 1.
    """
    weights_P = np.ones(len(texts)) if weights_P is None else weights_P
    words = UnitAxis.of_words(texts)
    gold_words = words.intervals(*_flat(gold))
    n_gold = float(weights_P @ words.sum_by_pair(gold_words[0], gold_words[1] - gold_words[0]))
    longest = max(lengths)
    best_f1, best = -1.0, DecodingRule(threshold=float("inf"))
    for unit, max_tokens in [*((TOKENS, length) for length in sorted(set(lengths))), (SENTENCES, longest)]:
        ranked = suppress_overlaps(candidates, unit, max_tokens)
        if not len(ranked.pair):
            continue
        predicted, hits = (counts * weights_P[ranked.pair] for counts in _added_words(ranked, words, gold_words))
        rank = _rank_in_pair(ranked.pair)
        for weight in (0.0,) if criterion_logits_P is None else CRITERION_WEIGHTS:
            scores = ranked.scores(weight, criterion_logits_P)
            order = np.argsort(-scores, kind="stable")
            tied = np.diff(scores[order]) == 0
            for max_spans in (1, 2, 3, 5, 8):
                use = rank[order] < max_spans
                f1 = ratio(2 * np.cumsum(hits[order] * use), np.cumsum(predicted[order] * use) + n_gold)
                f1[:-1][tied] = -1.0  # a threshold cannot separate equal scores
                at = int(np.argmax(f1))
                if f1[at] > best_f1:
                    threshold = float(scores[order[at]])
                    best_f1, best = f1[at], DecodingRule(threshold, max_spans, int(max_tokens), unit, weight)
    return best


def _flat(spans_of_pairs: Sequence[Sequence[Offsets]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pair, start and end of every span."""
    rows = [(pair, start, end) for pair, spans in enumerate(spans_of_pairs) for start, end in spans]
    pair, start, end = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return pair, start, end


def _added_words(ranked: Candidates, words: UnitAxis, gold: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Number of words, and of gold words, that each span touches and no better span of its pair does.

    Spans of a pair do not overlap. Two of them touch the same word only if it is the first or the last one of both.

    Args:
        ranked: the result of `suppress_overlaps`, best first.
        gold: merged intervals of the gold words.
    """
    low, high = words.locate(ranked.pair, ranked.start, ranked.end)
    added, hits = high - low, overlap_lengths((low, high), gold)
    n, touching = max(1, len(low)), np.flatnonzero(high > low)
    # One number for each span and each of its outer words, in the order of words, then of spans, the best first.
    word, span = np.divmod(np.unique(np.concatenate([low[touching], high[touching] - 1]) * n + np.tile(touching, 2)), n)
    again = np.flatnonzero(word[1:] == word[:-1]) + 1
    np.subtract.at(added, span[again], 1)
    np.subtract.at(hits, span[again], overlap_lengths((word[again], word[again] + 1), gold))
    return added, hits


def _rank_in_pair(pairs: np.ndarray) -> np.ndarray:
    seen: dict[int, int] = {}
    ranks = np.empty(len(pairs), dtype=int)
    for i, pair in enumerate(pairs.tolist()):
        ranks[i] = seen.get(pair, 0)
        seen[pair] = ranks[i] + 1
    return ranks
