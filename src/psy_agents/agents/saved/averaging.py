"""Candidate spans of several agents as one agent's. M: members, K: different spans, G: pairs and kinds of span."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psy_agents.agents.decoding import Candidates


def average_candidates(parts: Sequence[Candidates]) -> Candidates:
    """Every span that a member offers, with the mean of the members' margins.

    Spans are matched by their characters, so that members may have other tokenizers and windows; a span that two windows of
    a member offer counts with the better one. A margin is a difference of logits, so that the mean is the logarithm of the
    geometric mean of the members' odds, and a span that one member is sure of does not pass against all others.

    A member offers the spans between its best starts and ends, and every sentence. One that it does not offer is taken to
    have its worst margin among the spans of the same pair and kind; a member that offers none there has no say.

    Args:
        parts: of each member, about the same pairs.
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
    offers_MK = np.isfinite(margin_MK)
    mean_K = np.where(offers_MK, margin_MK, 0.0).sum(axis=0) / offers_MK.sum(axis=0)
    tokens_K = np.zeros(len(first), dtype=every.tokens.dtype)
    np.maximum.at(tokens_K, span, every.tokens)
    return Candidates(every.pair[first], every.start[first], every.end[first], mean_K, tokens_K, every.sentence[first])
