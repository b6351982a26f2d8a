"""Agreement of annotators with each other: Krippendorff's alpha, and the F1 of one annotator against another, of labels and of evidence."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.quality_figures import AgreementValue, AnnotatorFigures, CriterionAgreement
from psy_agents.evaluation.bootstrap import bootstrap, estimate_of
from psy_agents.evaluation.classification import mean_of_defined
from psy_agents.evaluation.evidence import COUNTS, EvidenceScorer
from psy_agents.evaluation.intervals import Interval, mean_interval, ratio_interval
from psy_agents.evaluation.metrics.kinds import overlap_parts
from psy_agents.evaluation.results import Estimate

RESAMPLES = 1000
SEED = 0


def annotator_agreement(ratings: pd.DataFrame, corpus: Corpus, resamples: int = RESAMPLES) -> AnnotatorFigures | None:
    """How well annotators agree on each criterion, over the posts that several of them rate.

    - Krippendorff's alpha for two values (Krippendorff, "Content Analysis", 3rd edition 2013, chapter 12): 1 less the observed
      disagreement over the one that chance gives; missing ratings are allowed.
    - F1 of one annotator against another, the positive specific agreement (Hripcsak and Rothschild, "Agreement, the F-measure, and
      reliability in information retrieval", JAMIA 2005): of the ratings that the criterion is met, the share of the other
      annotators of the post who say so too. With two annotators it is 2 both / (first + second).
    - Token-F1 of one annotator's evidence against another's, over the words of all posts together, as an agent's: where an annotator finds
      evidence and another one does not, its words are missed.

    The interval of alpha is by bootstrap over the clusters of posts that stay together in splits; that of F1 is an agent's.

    Args:
        ratings: as `psy_agents.corpus.annotators.ratings_of` returns them.
        resamples: 0 for no intervals.

    Returns:
        None without ratings.
    """
    if ratings.empty:
        return None
    criteria = list(corpus.criteria)
    cells = ratings.groupby(["post_id", "criterion"])["label"].agg(["size", "sum"]).unstack(fill_value=0)
    rated, met = (cells[name].reindex(columns=criteria, fill_value=0).to_numpy(dtype=np.float64) for name in ("size", "sum"))
    several = rated > 1
    rated, met = np.where(several, rated, 0), np.where(several, met, 0)
    disagreed = met * (rated - met) / np.maximum(rated - 1, 1)  # each rating counts once, however many its post has
    counts = np.stack([rated, met, disagreed])  # (3, posts, criteria)
    units = np.unique(corpus.splits.set_index("post_id")["cluster"][cells.index], return_inverse=True)[1]
    width = max(len(cells), 3 * len(criteria))
    found = bootstrap(lambda weights: _statistics(weights @ counts), units, resamples=resamples, seed=SEED, width=width)
    alpha, f1 = found["alpha"], found["f1"]
    evidence = _EvidenceAgreement.of(ratings, corpus)
    f1_ends = [_f1_interval(met[:, number], disagreed[:, number], units) if resamples else None for number in range(len(criteria))]
    of_criteria = [
        CriterionAgreement(
            posts=several[:, number].sum(),
            met_by_any=(met[:, number] > 0).sum(),
            alpha=_interval(alpha[number].estimate()),
            f1=_interval(estimate_of(f1.value[number], f1_ends[number])),
            **evidence.figures(evidence.criterion == criterion, resamples > 0),
        )
        for number, criterion in enumerate(criteria)
    ]
    defined = np.flatnonzero(~np.isnan(f1.value[:-1]))
    both = np.array([f1_ends[number] for number in defined]).T if resamples else None
    mean_ends = mean_interval(f1.value[-1], f1.value[defined], both, f1.draws[:, defined]) if resamples and len(defined) else None
    return AnnotatorFigures(
        annotators=ratings["annotator"].nunique(),
        posts=len(cells),
        posts_of_several=several.any(axis=1).sum(),
        criteria=dict(zip(criteria, of_criteria, strict=True)),
        mean_alpha=_interval(alpha[-1].estimate()),
        mean_f1=_interval(estimate_of(f1.value[-1], mean_ends)),
        **evidence.figures(np.ones(len(evidence.criterion), dtype=bool), resamples > 0),
    )


class _EvidenceAgreement(NamedTuple):
    """The words of evidence that two annotators of a post share, one row for each two of them, post and criterion.

    Attributes:
        both, either: words in the evidence of both, and of at least one. Of k annotators each two weigh 1 / (k - 1), so that each rating
            counts once.
        unit: the resampling unit of the post.
    """

    pair: np.ndarray
    criterion: np.ndarray
    both: np.ndarray
    either: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, ratings: pd.DataFrame, corpus: Corpus) -> _EvidenceAgreement:
        """From the ratings whose evidence is known, where at least one of several shows some."""
        known = ratings[ratings["evidence_known"]]
        pairs = known.groupby(["post_id", "criterion"], sort=False)["label"]
        known = known[(pairs.transform("size") > 1) & (pairs.transform("max") == 1)]
        spans = [list(zip(starts, ends, strict=True)) for starts, ends in zip(known["starts"], known["ends"], strict=True)]
        of_pairs = known.reset_index(drop=True).groupby(["post_id", "criterion"], sort=False).indices
        rows = [(pair, *two, 1 / (len(of) - 1)) for pair, of in enumerate(of_pairs.values()) for two in combinations(of.tolist(), 2)]
        pair, first, second = (np.array([row[place] for row in rows], dtype=np.int64) for place in range(3))
        weight = np.array([row[3] for row in rows], dtype=np.float64)
        keys = list(of_pairs)
        texts = corpus.posts.set_index("post_id")["text"] if keys else {}
        scorer = EvidenceScorer([texts[keys[each][0]] for each in pair], [spans[each] for each in first])
        counts = scorer.counts([spans[each] for each in second])
        both, either = overlap_parts("token", {name: counts[:, number] for number, name in enumerate(COUNTS)})
        clusters = corpus.splits.set_index("post_id")["cluster"]
        unit = np.unique([clusters[keys[each][0]] for each in pair], return_inverse=True)[1]
        return cls(pair, np.array([keys[each][1] for each in pair], dtype=object), weight * both, weight * either, unit)

    def figures(self, rows: np.ndarray, with_interval: bool) -> dict[str, int | AgreementValue | None]:
        """Number of pairs and token-F1 of some rows."""
        both, either = self.both[rows], self.either[rows]
        if not either.sum():
            return {"evidence_pairs": 0, "token_f1": None}
        ends = ratio_interval("f1", both, either, self.unit[rows]) if with_interval else None
        value = 2 * both.sum() / (both.sum() + either.sum())
        return {"evidence_pairs": len(np.unique(self.pair[rows])), "token_f1": _interval(estimate_of(value, ends))}


def _f1_interval(met: np.ndarray, disagreed: np.ndarray, units: np.ndarray) -> Interval:
    """As that of an agent's F1: of the overlap, both / (both + one of them), with two annotators."""
    return ratio_interval("f1", (met - disagreed) / 2, (met + disagreed) / 2, units)


def _interval(estimate: Estimate | None) -> AgreementValue | None:
    return None if estimate is None else AgreementValue(**estimate.model_dump())


def _statistics(sums: np.ndarray) -> dict[str, np.ndarray]:
    """alpha and F1 of each criterion, then their means over the criteria that have them; (n, criteria + 1) from (3, n, criteria)."""
    rated, met, disagreed = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {"alpha": 1 - (rated - 1) * disagreed / (met * (rated - met)), "f1": 1 - disagreed / met}
    return {name: np.column_stack([value, mean_of_defined(value)]) for name, value in values.items()}
