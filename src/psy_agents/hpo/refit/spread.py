"""The spread on test of models that differ only in the seed of their training, with an interval over seeds and posts.

A resample draws posts (whole resampling units) and, apart from them, seeds, with replacement; its value is the mean over the drawn
seeds on the drawn posts (Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 2007). So the interval is one of the mean of
such models, and holds the chance of training and of the test posts (Bouthillier et al., "Accounting for Variance in Machine Learning
Benchmarks", MLSys 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
import pandas as pd

from psy_agents.evaluation.bootstrap import chunk_rows, estimate_of, resample_weights
from psy_agents.evaluation.classification import mean_of_defined
from psy_agents.evaluation.evidence import evidence_metrics_of_sums
from psy_agents.evaluation.intervals import bootstrap_interval, sample_deviation
from psy_agents.evaluation.metrics.criteria.f1 import F1
from psy_agents.evaluation.metrics.kinds import Counts
from psy_agents.evaluation.metrics.registry import OBJECTIVES
from psy_agents.evaluation.results import SeedSpread
from psy_agents.evaluation.scored_pairs import ScoredPairs


def spread_over_seeds(
    predictions: Sequence[pd.DataFrame],
    texts: Mapping[str, str],
    criteria: Sequence[str],
    *,
    units: Mapping[str, Hashable] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[SeedSpread, ...]:
    """The spread of macro-F1 of decisions and of token-F1 of spans.

    Decisions that are derived from spans, and metrics without gold positives, are left out.

    Args:
        predictions: the predictions table of each seed, of the same pairs in the same order.
        texts: the text of each post, by post_id.
        criteria: ids of the criteria.
        units: the resampling unit of each post, by post_id; None: each post is one.
    """
    models = [ScoredPairs.from_table(table, texts, criteria, units) for table in predictions]
    first, found = models[0], []
    for metric, values_of in ((OBJECTIVES["criteria"], _macro_f1), (OBJECTIVES["evidence"], _token_f1)):
        values = values_of(models)
        observed = None if values is None else values(np.ones((1, first.n_posts)))[0]
        if observed is None or np.isnan(observed).any():
            continue
        mean, spread = float(observed.mean()), sample_deviation(observed.tolist())
        interval = bootstrap_interval(mean, _draws(values, first.units, len(models), resamples, seed))
        if interval is not None:  # Moved to lie about the mean, it may leave the range of a share.
            interval = max(interval[0], 0.0), min(interval[1], 1.0)
        found.append(SeedSpread(metric=metric, values=observed.tolist(), mean=estimate_of(mean, interval), standard_deviation=spread))
    return tuple(found)


Values = Callable[[np.ndarray], np.ndarray]
"""From weights of posts (n, posts), the metric of each model (n, models)."""


def _macro_f1(models: Sequence[ScoredPairs]) -> Values | None:
    if models[0].derived:
        return None
    counts = [model.decision_counts() for model in models]  # Each (4, posts, criteria).
    return lambda weights: np.stack([mean_of_defined(F1.compute(Counts(*(weights @ each)))) for each in counts], axis=1)


def _token_f1(models: Sequence[ScoredPairs]) -> Values | None:
    if models[0].spans is None or not any(models[0].gold):
        return None
    scorer, metric = models[0].evidence_scorer(), OBJECTIVES["evidence"]
    sums = [model.sum_by_post(scorer.counts(model.spans)) for model in models]
    return lambda weights: np.stack([evidence_metrics_of_sums(weights @ each)[metric] for each in sums], axis=1)


def _draws(values: Values, units: np.ndarray, n_models: int, resamples: int, seed: int) -> np.ndarray:
    """(resamples,) means over drawn models."""
    generator, means = np.random.default_rng([seed, n_models]), []
    for weights in resample_weights(units, resamples, seed, chunk_rows(max(len(units), 64 * n_models))):
        drawn = generator.integers(n_models, size=(len(weights), n_models))
        means.append(np.take_along_axis(values(weights), drawn, axis=1).mean(axis=1))
    return np.concatenate(means)
