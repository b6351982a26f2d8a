"""Evaluate one model or baseline: every metric, from its predictions table.

All metrics but ranking metrics are functions of sums over posts. One matrix product with the weights of posts (`bootstrap`) gives
these sums for all resamples. `psy_agents.evaluation.intervals` has the intervals.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from psy_agents.corpus.origins import EXPLICIT_NEGATIVE, IMPLICIT_NEGATIVE, POSITIVE
from psy_agents.evaluation.bootstrap import Resampled, bootstrap, estimate_of
from psy_agents.evaluation.calibration import ProbabilityStatistics
from psy_agents.evaluation.classification import class_averages, mean_of_defined
from psy_agents.evaluation.evidence import COUNTS, evidence_metrics_of_sums
from psy_agents.evaluation.intervals import (
    RATIO_INTERVALS,
    UNKNOWN,
    Interval,
    biased_interval,
    bootstrap_interval,
    exact_f1_interval,
    mean_interval,
    ranking_interval,
    ratio_and_size,
    ratio_interval,
)
from psy_agents.evaluation.metrics.criteria.ece import BINS, calibration_bins
from psy_agents.evaluation.metrics.evidence.token_overlap import TOKEN_F1
from psy_agents.evaluation.metrics.kinds import (
    ClassMetric,
    CountMetric,
    Counts,
    EvidenceMetric,
    PostMetric,
    ProbabilityMetric,
    RankingMetric,
)
from psy_agents.evaluation.metrics.registry import CLASS_METRICS, EVIDENCE_METRICS, OVERALL_METRICS, of_kind
from psy_agents.evaluation.results import (
    ClassScores,
    CriterionEvaluation,
    ErrorSlice,
    Estimate,
    Evaluation,
    EvidenceEvaluation,
    ReliabilityBin,
)
from psy_agents.evaluation.scored_pairs import ScoredPairs
from psy_agents.evaluation.spans import word_spans


def evaluate(
    name: str,
    kind: Literal["agent", "baseline"],
    predictions: pd.DataFrame,
    texts: Mapping[str, str],
    criteria: Sequence[str],
    *,
    units: Mapping[str, Hashable] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Compute every metric with its 95 % interval (`psy_agents.evaluation.intervals`).

    A class metric of a criterion without a positive is undefined, and the means leave the criterion out.

    Args:
        predictions: a table with the columns of `psy_agents.evaluation.predictions.SCORED_SCHEMA`.
        texts: the text of each post, by post_id.
        criteria: ids, in the order of the report.
        units: the resampling unit of each post, by post_id; None: each post is one.
        resamples: for the intervals by bootstrap, and for correlations of criteria; 0 for no intervals.

    Raises:
        ValueError: see `ScoredPairs.from_table`.
    """
    pairs = ScoredPairs.from_table(predictions, texts, criteria, units)
    counts = None if pairs.spans is None else pairs.evidence_scorer().counts(pairs.spans)
    evidence_only = kind == "baseline" and pairs.derived
    return Evaluation(
        name=name,
        kind=kind,
        posts=pairs.n_posts,
        pairs=len(predictions),
        criterion=None if evidence_only else _criterion_evaluation(pairs, criteria, resamples, seed),
        evidence=None if counts is None else _evidence_evaluation(pairs, counts, criteria, resamples, seed),
        errors=_errors(pairs, counts, predictions["origin"].to_numpy(), criteria),
    )


def _criterion_evaluation(pairs: ScoredPairs, criteria: Sequence[str], resamples: int, seed: int) -> CriterionEvaluation:
    statistics = _CriterionStatistics(pairs)
    width = max(pairs.n_posts, len(Counts._fields) * pairs.n_criteria, 0 if pairs.probabilities is None else len(pairs.labels))
    found = bootstrap(statistics, pairs.units, resamples=resamples, seed=seed, width=width)
    counts = Counts(*statistics.counts)
    classes = {name: class_estimates(metric, found[name], counts, pairs.units) for name, metric in CLASS_METRICS.items()}
    totals = Counts(*statistics.counts.sum(axis=1).astype(int))
    predicted, gold = totals.predicted, totals.gold
    present = gold[:-1] > 0

    def scores(number: int, predicted: int, gold: int) -> ClassScores:
        return ClassScores(support=gold, predicted=predicted, **{name: estimates[number] for name, estimates in classes.items()})

    n = pairs.n_criteria
    return CriterionEvaluation(
        derived=pairs.derived,
        per_criterion={criterion: scores(i, predicted[i], gold[i]) for i, criterion in enumerate(criteria)},
        no_symptoms=scores(n, predicted[n], gold[n]),
        macro=scores(n + 1, predicted[:-1][present].sum(), gold[:-1].sum()),
        micro=scores(n + 2, predicted[:-1].sum(), gold[:-1].sum()),
        averages=class_averages(counts),
        reliability=_reliability(pairs.labels, pairs.probabilities),
        reliability_uncalibrated=_reliability(pairs.labels, pairs.uncalibrated),
        **{name: statistics.overall_estimate(name, found[name]) for name in OVERALL_METRICS},
    )


def class_estimates(metric: ClassMetric, found: Resampled, counts: Counts, units: np.ndarray) -> list[Estimate | None]:
    """The estimates of the criteria, of no symptoms, and of their macro and micro means, with intervals where there are resamples.

    Args:
        found: the statistic of all of them (criteria + 3,).
        counts: of each post and class, (posts, criteria + 1).
        units: (posts,) the resampling unit of each post.
    """
    if not len(found.draws):
        return [estimate_of(value, None) for value in found.value]
    n = counts.gold.shape[1] - 1
    parts = {**{number: [number] for number in range(n + 1)}, n + 2: list(range(n))}
    ends = {
        place: _class_interval(metric, found[place], Counts(*(count[:, columns] for count in counts)), units)
        for place, columns in parts.items()
        if not np.isnan(found.value[place])
    }
    present = [number for number in range(n) if number in ends]
    if present and metric.interval == "f1":
        overlaps = [ratio_and_size(*metric.ratio(Counts(*(count[:, number] for count in counts))), units) for number in present]
        wide = np.array([exact_f1_interval(*overlap) for overlap in overlaps]).T
        ends[n + 1] = mean_interval(float(found.value[n + 1]), found.value[present], wide, found.draws[:, present])
    elif present and all(ends[number] is not None for number in present):
        both = np.array([ends[number] for number in present]).T
        unknown = np.array([ends[number] == UNKNOWN for number in present])
        ends[n + 1] = mean_interval(float(found.value[n + 1]), found.value[present], both, found.draws[:, present], unknown)
    elif present:
        ends[n + 1] = bootstrap_interval(float(found.value[n + 1]), found.draws[:, n + 1])
    return [estimate_of(value, ends.get(place)) for place, value in enumerate(found.value)]


def _class_interval(metric: ClassMetric, found: Resampled, counts: Counts, units: np.ndarray) -> Interval | None:
    """The interval of one class, or of the pairs of several, from their counts (posts, classes)."""
    unit, value = np.repeat(units, counts.gold.shape[1]), float(found.value)
    if isinstance(metric, CountMetric) and metric.ratio is not None:
        part, whole = metric.ratio(counts)
        return ratio_interval(metric.interval, part.ravel(), whole.ravel(), unit)
    if isinstance(metric, RankingMetric) and metric.interval in RATIO_INTERVALS:
        return ranking_interval(value, found.draws, counts.gold.ravel(), unit)
    return bootstrap_interval(value, found.draws)


class _CriterionStatistics:
    """The metrics of criteria as statistics for `bootstrap`: class metrics (n, classes) and the others (n,), from weights (n, posts).

    Classes are the criteria, no symptoms, macro and micro. Metrics of probabilities are NaN for a model without probabilities.
    """

    def __init__(self, pairs: ScoredPairs) -> None:
        self._pairs = pairs
        decisions = Counts(*pairs.decision_counts())
        predicted, gold = decisions.predicted.any(axis=1), decisions.gold.any(axis=1)
        no_symptoms = np.stack([~predicted & ~gold, ~predicted, ~gold, np.ones(pairs.n_posts, dtype=bool)])
        self.counts = np.concatenate([decisions, no_symptoms[:, :, None]], axis=2)  # (4, posts, criteria + 1)
        of_posts = Counts(*(count.sum(axis=1) for count in decisions))
        self._of_posts = {name: metric.compute(of_posts) for name, metric in of_kind(PostMetric).items()}
        if pairs.probabilities is not None:
            self._probability_statistics = ProbabilityStatistics(pairs, pairs.probabilities)
            self._highest = np.zeros(pairs.n_posts)
            np.maximum.at(self._highest, pairs.post, pairs.probabilities)

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        counts = weights @ self.counts
        classes, all_criteria = Counts(*counts), Counts(*counts[:, :, :-1].sum(axis=2))
        statistics = {
            name: _with_means(metric.compute(classes), metric.compute(all_criteria)) for name, metric in of_kind(CountMetric).items()
        }
        statistics |= {name: weights @ values / weights.sum(axis=1) for name, values in self._of_posts.items()}
        if self._pairs.probabilities is None:
            undefined = np.full((len(weights), self._pairs.n_criteria + 3), np.nan)
            statistics |= dict.fromkeys(of_kind(RankingMetric), undefined)
            return statistics | dict.fromkeys(of_kind(ProbabilityMetric), undefined[:, 0])
        statistics |= self._probability_statistics(weights)
        return statistics | {name: self._ranking_values(metric, weights) for name, metric in of_kind(RankingMetric).items()}

    def overall_estimate(self, name: str, found: Resampled) -> Estimate | None:
        """The estimate of a metric of posts or of probabilities."""
        pairs, metric, value = self._pairs, OVERALL_METRICS[name], float(found.value)
        if np.isnan(value) or not len(found.draws):
            return estimate_of(value, None)
        if metric.interval in RATIO_INTERVALS:
            of_posts = isinstance(metric, PostMetric)
            terms = self._of_posts[name] if of_posts else metric.per_pair(pairs.labels, pairs.probabilities)[:, 0]
            units = pairs.units if of_posts else pairs.units[pairs.post]
            return estimate_of(value, ratio_interval(metric.interval, terms, np.ones(len(terms)), units))
        method = biased_interval if metric.interval == "biased" else bootstrap_interval
        return estimate_of(value, method(value, found.draws))

    def _ranking_values(self, metric: RankingMetric, weights: np.ndarray) -> np.ndarray:
        pairs = self._pairs
        pair_weights = weights[:, pairs.post]
        classes = []
        for number in range(pairs.n_criteria):
            rows = np.flatnonzero(pairs.criterion == number)
            classes.append(metric.compute(pairs.labels[rows], pairs.probabilities[rows], pair_weights[:, rows]))
        # Ranks posts as having no symptoms by the probability of their most probable criterion, from low to high.
        classes.append(metric.compute(self.counts[2, :, -1] > 0, 1 - self._highest, weights))
        return _with_means(np.stack(classes, axis=1), metric.compute(pairs.labels, pairs.probabilities, pair_weights))


def _with_means(classes: np.ndarray, micro: np.ndarray) -> np.ndarray:
    """Append macro and micro to (n, criteria + 1) values, the last of them no symptoms; (n, criteria + 3)."""
    return np.column_stack([classes, mean_of_defined(classes[:, :-1]), micro])


def _reliability(labels: np.ndarray, probabilities: np.ndarray | None) -> tuple[ReliabilityBin, ...]:
    if probabilities is None:
        return ()
    bins = calibration_bins(probabilities)
    return tuple(
        ReliabilityBin(
            low=number / BINS,
            high=(number + 1) / BINS,
            pairs=(bins == number).sum(),
            mean_probability=probabilities[bins == number].mean(),
            share_positive=labels[bins == number].mean(),
        )
        for number in np.unique(bins)
    )


def _evidence_evaluation(
    pairs: ScoredPairs, counts: np.ndarray, criteria: Sequence[str], resamples: int, seed: int
) -> EvidenceEvaluation:
    by_post, unit = pairs.sum_by_post(counts), pairs.units[pairs.post]
    width = max(pairs.n_posts, len(COUNTS))
    needed = resamples if any(metric.ratio is None for metric in EVIDENCE_METRICS.values()) else 0
    found = bootstrap(lambda w: evidence_metrics_of_sums(w @ by_post), pairs.units, resamples=needed, seed=seed, width=width)
    columns = {name: counts[:, number] for number, name in enumerate(COUNTS)}

    def estimate(name: str, metric: EvidenceMetric) -> Estimate:
        if not resamples or metric.ratio is None:
            return found[name].estimate()
        return estimate_of(found[name].value, ratio_interval(metric.interval, *metric.ratio(columns), unit))

    with_evidence = counts[:, COUNTS.index("answer_gold")] > 0
    return EvidenceEvaluation(
        pairs=pairs.known.sum(),
        pairs_with_evidence=with_evidence.sum(),
        pairs_unknown=(~pairs.known).sum(),
        scores={name: estimate(name, metric) for name, metric in EVIDENCE_METRICS.items()},
        support={criteria[number]: int(n) for number, n in enumerate(np.bincount(pairs.criterion[with_evidence])) if n},
        per_criterion={
            criterion: {name: float(value) for name, value in evidence_metrics_of_sums(counts[rows].sum(axis=0)).items()}
            for criterion, rows in zip(criteria, np.arange(len(criteria))[:, None] == pairs.criterion, strict=True)
            if with_evidence[rows].any()
        },
    )


def _errors(
    pairs: ScoredPairs, counts: np.ndarray | None, origin: np.ndarray, criteria: Sequence[str]
) -> tuple[ErrorSlice, ...]:
    slices = [
        *(("criterion", criterion, pairs.criterion == number) for number, criterion in enumerate(criteria)),
        *(("length", name, rows) for name, rows in _pairs_by_length(pairs).items()),
        *(("origin", name, origin == name) for name in (POSITIVE, EXPLICIT_NEGATIVE, IMPLICIT_NEGATIVE)),
    ]
    return tuple(
        ErrorSlice(
            group=group,
            name=name,
            pairs=rows.sum(),
            positives=pairs.labels[rows].sum(),
            false_positives=(pairs.predicted & ~pairs.labels)[rows].sum(),
            false_negatives=(~pairs.predicted & pairs.labels)[rows].sum(),
            token_f1=None if counts is None else _token_f1(counts[rows].sum(axis=0)),
        )
        for group, name, rows in slices
        if rows.any()
    )


def _token_f1(sums: np.ndarray) -> float | None:
    return float(evidence_metrics_of_sums(sums)[TOKEN_F1.name]) if sums[COUNTS.index("answer_gold")] else None


def _pairs_by_length(pairs: ScoredPairs) -> dict[str, np.ndarray]:
    """The pairs in each quarter of the posts by number of words. There are fewer groups if many posts have the same length."""
    words = {text: len(word_spans(text)) for text in set(pairs.texts)}
    length = np.array([words[text] for text in pairs.texts])
    _, first = np.unique(pairs.post, return_index=True)
    ends = np.unique(np.quantile(length[first], (0.25, 0.5, 0.75, 1), method="inverted_cdf"))
    starts = [length.min(), *(ends[:-1] + 1)]
    return {
        f"{start} words" if start == end else f"{start}-{end} words": (start <= length) & (length <= end)
        for start, end in zip(starts, ends, strict=True)
    }
