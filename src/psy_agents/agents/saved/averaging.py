"""Averages the candidate spans of several agents. M: members, K: different spans, G: pairs and kinds of span."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psy_agents.agents.decoding import Candidates


def average_candidates(parts: Sequence[Candidates]) -> Candidates:
    """Return every span that a member proposes, with the mean of the members' margins.

    Spans are matched by their characters, because members may have different tokenizers and windows. If two windows of a member
    propose the same span, the higher margin counts. Margins are differences of logits, so their mean is the logarithm of the
    geometric mean of the members' odds: a single confident member does not outvote all others.

    A member proposes the spans between its best starts and ends, and every sentence. A span that it does not propose gets its
    worst margin among the spans of the same pair and kind. A member that proposes none of that pair and kind is left out.

    Args:
        parts: each member's candidates, for the same pairs.
    """
    member = np.repeat(np.arange(len(parts)), [len(part.pair) for part in parts])
    every = Candidates.concatenate(parts)
    if not len(every.pair):
        return every
    ends = int(every.end.max()) + 1
    kind = every.pair.astype(np.int64) * 2 + every.sentence
    code = (kind * ends + every.start) * ends + every.end
    _, first, span = np.unique(code, return_index=True, return_inverse=True)
    _, group = np.unique(kind, return_inverse=True)
    margin_MK = np.full((len(parts), len(first)), -np.inf)
    np.maximum.at(margin_MK, (member, span), every.margin)
    worst_MG = np.full((len(parts), group.max() + 1), np.inf)
    np.minimum.at(worst_MG, (member, group), every.margin)
    margin_MK = np.where(np.isinf(margin_MK), worst_MG[:, group[first]], margin_MK)
    has_margin_MK = np.isfinite(margin_MK)
    mean_K = np.where(has_margin_MK, margin_MK, 0.0).sum(axis=0) / has_margin_MK.sum(axis=0)
    tokens_K = np.zeros(len(first), dtype=every.tokens.dtype)
    np.maximum.at(tokens_K, span, every.tokens)
    return Candidates(every.pair[first], every.start[first], every.end[first], mean_K, tokens_K, every.sentence[first])
