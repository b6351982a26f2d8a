"""Agreement of annotators with each other: Krippendorff's alpha, and the F1 of one annotator against another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.quality_figures import AgreementValue, AnnotatorFigures, CriterionAgreement
from psy_agents.evaluation.bootstrap import bootstrap, estimate_of
from psy_agents.evaluation.classification import mean_of_defined
from psy_agents.evaluation.intervals import Interval, mean_interval, ratio_interval
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
    f1_ends = [_f1_interval(met[:, number], disagreed[:, number], units) if resamples else None for number in range(len(criteria))]
    of_criteria = [
        CriterionAgreement(
            posts=several[:, number].sum(),
            met_by_any=(met[:, number] > 0).sum(),
            alpha=_interval(alpha[number].estimate()),
            f1=_interval(estimate_of(f1.value[number], f1_ends[number])),
        )
        for number in range(len(criteria))
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
    )


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
