"""The metrics of criteria that training computes after each epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psy_agents.evaluation.metrics.kinds import ClassMetric, CountMetric, Counts, ProbabilityMetric, RankingMetric, ratio
from psy_agents.evaluation.metrics.names import name_part
from psy_agents.evaluation.metrics.registry import of_kind


def classification_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    predictions: np.ndarray,
    criterion_index: np.ndarray,
    criteria: Sequence[str],
) -> dict[str, float]:
    """Return the metrics with ``in_epochs``, from (pairs,) arrays.

    - ``macro_<metric>``: the mean over the criteria that have a positive in the labels. Without one, recall is undefined.
    - ``micro_<metric>``: the metric of the counts summed over all criteria.
    - ``<metric>/<criterion>``: the metric of each criterion that has a positive in the labels.
    - ``<metric>``: each `ProbabilityMetric`, of all pairs.

    A metric is 0 where it is undefined.

    Args:
        labels: 0 or 1.
        probabilities: probability of label 1.
        predictions: 0 or 1, or bool.
        criterion_index: each pair's criterion as an index into ``criteria``.
        criteria: ids of the criteria.
    """
    labels, predictions = labels.astype(bool), predictions.astype(bool)
    masks = (labels & predictions, predictions, labels, np.ones(len(labels), dtype=bool))
    counts = Counts(*(np.bincount(criterion_index[mask], minlength=len(criteria)) for mask in masks))
    present = np.flatnonzero(counts.gold)
    present_counts = Counts(*(count[present] for count in counts))
    totals = Counts(*(count.sum(keepdims=True) for count in counts))

    metrics, by_criterion = {}, {}
    for name, metric in of_kind(ClassMetric).items():
        if isinstance(metric, CountMetric):
            values, micro = metric.compute(present_counts), metric.compute(totals)
        else:
            values = [_ranking_value(metric, labels[rows], probabilities[rows]) for rows in (criterion_index == i for i in present)]
            micro = _ranking_value(metric, labels, probabilities) if "micro" in metric.in_epochs else np.nan
        if "macro" in metric.in_epochs:
            defined = np.asarray(values)[~np.isnan(values)]
            metrics[f"macro_{name}"] = float(np.mean(defined)) if len(defined) else 0.0
        if "micro" in metric.in_epochs:
            metrics[f"micro_{name}"] = float(np.nan_to_num(micro).item())
        if "criterion" in metric.in_epochs:
            names = (f"{name}/{name_part(criteria[i])}" for i in present)
            by_criterion |= {each: float(value) for each, value in zip(names, values, strict=True) if not np.isnan(value)}
    probability_metrics = of_kind(ProbabilityMetric).values()
    metrics |= {metric.name: metric.value(labels, probabilities) for metric in probability_metrics if metric.in_epochs}
    return metrics | by_criterion


def class_averages(counts: Counts) -> dict[str, dict[str, float]]:
    """The averages of scikit-learn's ``classification_report`` for several labels a post: a ratio with denominator 0 is 0.

    Args:
        counts: of each post and class, (posts, classes); every class has a part, also one without a positive.

    Returns:
        precision, recall and f1 of ``micro``, ``macro``, ``weighted`` (by gold positives) and ``samples`` (mean over posts).
    """
    hits, predicted, gold = (count.sum(axis=0) for count in counts[:3])

    def scores(hits: np.ndarray, predicted: np.ndarray, gold: np.ndarray) -> np.ndarray:
        return np.array([ratio(hits, predicted), ratio(hits, gold), ratio(2 * hits, predicted + gold)])

    by_class, by_post = scores(hits, predicted, gold), scores(*(count.sum(axis=1) for count in counts[:3]))
    weights = ratio(gold, np.full(gold.shape, gold.sum()))
    averages = {
        "micro": scores(hits.sum(), predicted.sum(), gold.sum()),
        "macro": by_class.mean(axis=1),
        "weighted": by_class @ weights,
        "samples": by_post.mean(axis=1),
    }
    return {name: dict(zip(("precision", "recall", "f1"), map(float, values), strict=True)) for name, values in averages.items()}


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without NaN; NaN where every value is NaN."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=-1)
    return np.where(count > 0, np.where(defined, values, 0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def _ranking_value(metric: RankingMetric, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return metric.compute(labels, probabilities, np.ones((1, len(labels))))[0]
