"""Right, missed and wrong spans of each pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psy_agents.evaluation.evidence import COUNTS, EvidenceScorer
from psy_agents.evaluation.scored_pairs import ScoredPairs
from psy_agents.evaluation.spans import Offsets

BOTH, PREDICTED = COUNTS.index("token_both"), COUNTS.index("token_predicted")


@dataclass(frozen=True, eq=False)
class OutcomeCounts:
    """Counts of right, missed and wrong spans in each pair.

    Attributes:
        right: (pairs) predicted spans that share a word with an annotated one.
        missed: (pairs) annotated spans that share no word with a predicted one.
        wrong: (pairs) predicted spans that share no word with an annotated one.
        unknown: (pairs) bool, pairs whose evidence is annotated, but all or part of its place is unknown. As in every
            evidence metric, nothing in them is counted.
    """

    right: np.ndarray
    missed: np.ndarray
    wrong: np.ndarray
    unknown: np.ndarray

    @property
    def mistakes(self) -> np.ndarray:
        """(pairs) number of missed and wrong spans or decisions."""
        return self.missed + self.wrong


def count_outcomes(pairs: ScoredPairs) -> OutcomeCounts:
    """Count the spans by the words they share, as `EvidenceScorer` counts words. A span without a word is not counted.

    For an agent that predicts only criteria, each pair's decision is counted instead.
    """
    if pairs.spans is None:
        decided, met = pairs.predicted, pairs.labels
        nothing = np.zeros(len(met), dtype=bool)
        return OutcomeCounts(*(flag.astype(np.int64) for flag in (decided & met, met & ~decided, decided & ~met)), nothing)
    right, wrong = _count_sharing_spans(pairs.texts, pairs.spans, pairs.gold)
    _, missed = _count_sharing_spans(pairs.texts, pairs.gold, pairs.spans)
    known = pairs.known.astype(np.int64)
    return OutcomeCounts(right * known, missed * known, wrong * known, ~pairs.known)


def _count_sharing_spans(
    texts: Sequence[str], spans: Sequence[Sequence[Offsets]], others: Sequence[Sequence[Offsets]]
) -> tuple[np.ndarray, np.ndarray]:
    """(pairs) number of spans that share a word with any of the others, and that share none. Spans without a word count as neither."""
    pair = np.repeat(np.arange(len(texts)), [len(each) for each in spans])
    counts = EvidenceScorer([texts[i] for i in pair], [others[i] for i in pair]).counts([[span] for each in spans for span in each])
    sharing, with_words = counts[:, BOTH] > 0, counts[:, PREDICTED] > 0
    return (
        np.bincount(pair[sharing], minlength=len(texts)),
        np.bincount(pair[with_words & ~sharing], minlength=len(texts)),
    )
