"""All figures of one model or baseline, from its predictions table.

Every figure but average precision is made of sums over posts, so that weights of posts (`bootstrap`) give the
figures of all resamples by one product of matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from psy_agents.corpus.pairs import EXPLICIT_NEGATIVE, IMPLICIT_NEGATIVE, POSITIVE
from psy_agents.evaluation.bootstrap import as_estimate, bootstrap
from psy_agents.evaluation.calibration import CalibrationFigures
from psy_agents.evaluation.classification import (
    CALIBRATION_BINS,
    calibration_bins,
    mean_of_defined,
    scores_of_counts,
    weighted_average_precision,
)
from psy_agents.evaluation.evidence import COUNTS, evidence_figures
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

SCORES = ("precision", "recall", "f1", "auprc")


def evaluate(
    name: str,
    kind: Literal["agent", "baseline"],
    predictions: pd.DataFrame,
    texts: Mapping[str, str],
    criteria: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Compute every figure with its 95 % interval over resamples of whole posts.

    A resample without a positive of a criterion leaves that criterion out of its means and of the criterion's own
    intervals, as `classification_metrics` does. A criterion without any positive scores 0 and has no interval.

    Args:
        predictions: as `psy_agents.evaluation.predictions` says.
        texts: post_id -> text.
        criteria: ids, in the order of the report.
        resamples: 0 for no intervals.

    Raises:
        ValueError: see `ScoredPairs.of_table`.
    """
    pairs = ScoredPairs.of_table(predictions, texts, criteria)
    counts = None if pairs.spans is None else pairs.evidence_scorer().counts(pairs.spans)
    evidence_alone = kind == "baseline" and pairs.derived
    return Evaluation(
        name=name,
        kind=kind,
        posts=pairs.n_posts,
        pairs=len(predictions),
        criterion=None if evidence_alone else _criterion_evaluation(pairs, criteria, resamples, seed),
        evidence=None if counts is None else _evidence_evaluation(pairs, counts, criteria, resamples, seed),
        errors=_errors(pairs, counts, predictions["origin"].to_numpy(), criteria),
    )


def _criterion_evaluation(pairs: ScoredPairs, criteria: Sequence[str], resamples: int, seed: int) -> CriterionEvaluation:
    figures = _CriterionFigures(pairs)
    width = max(pairs.n_posts, 3 * pairs.n_criteria, 0 if pairs.probabilities is None else len(pairs.labels))
    estimated = bootstrap(figures, pairs.n_posts, resamples=resamples, seed=seed, width=width)
    _, predicted, gold = figures.counts.sum(axis=1).astype(int)
    present = gold[:-1] > 0

    def scores(number: int, predicted: int, gold: int) -> ClassScores:
        values = {name: as_estimate(estimated[name][:, number]) for name in SCORES}
        undefined = Estimate(value=0.0)
        return ClassScores(
            support=gold,
            predicted=predicted,
            auprc=values.pop("auprc"),
            **{name: estimate or undefined for name, estimate in values.items()},
        )

    n = pairs.n_criteria
    return CriterionEvaluation(
        derived=pairs.derived,
        per_criterion={criterion: scores(i, predicted[i], gold[i]) for i, criterion in enumerate(criteria)},
        no_symptoms=scores(n, predicted[n], gold[n]),
        macro=scores(n + 1, predicted[:-1][present].sum(), gold[:-1].sum()),
        micro=scores(n + 2, predicted[:-1].sum(), gold[:-1].sum()),
        exact_match=as_estimate(estimated["exact_match"]),
        ece=as_estimate(estimated["ece"]),
        brier=as_estimate(estimated["brier"]),
        reliability=_reliability(pairs.labels, pairs.probabilities),
        reliability_uncalibrated=_reliability(pairs.labels, pairs.uncalibrated),
    )


class _CriterionFigures:
    """Figures of criteria under weights of posts (n, posts): ``SCORES`` (n, classes) and three of (n,).

    Classes are the criteria, no symptoms, macro and micro.
    """

    def __init__(self, pairs: ScoredPairs) -> None:
        self._pairs = pairs
        decisions = pairs.decision_counts()
        _, predicted, gold = decisions.any(axis=2)
        no_symptoms = np.stack([~predicted & ~gold, ~predicted, ~gold])
        self.counts = np.concatenate([decisions, no_symptoms[:, :, None]], axis=2)  # (3, posts, criteria + 1)
        wrong = pairs.sum_by_post((pairs.labels != pairs.predicted)[:, None].astype(np.float64))
        self._exact = (wrong == 0).astype(np.float64)
        if pairs.probabilities is not None:
            self._calibration = CalibrationFigures(pairs, pairs.probabilities)
            self._highest = np.zeros(pairs.n_posts)
            np.maximum.at(self._highest, pairs.post, pairs.probabilities)

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        counts = weights @ self.counts
        classes = scores_of_counts(*counts)
        micro = scores_of_counts(*counts[:, :, :-1].sum(axis=2))
        figures = {
            name: _with_means(of_classes, of_all) for name, of_classes, of_all in zip(SCORES, classes, micro, strict=False)
        }
        pairs, undefined = self._pairs, np.full(len(weights), np.nan)
        figures |= {"exact_match": (weights @ self._exact)[:, 0] / pairs.n_posts, "ece": undefined, "brier": undefined}
        if pairs.probabilities is None:
            return figures | {"auprc": np.full((len(weights), pairs.n_criteria + 3), np.nan)}
        return figures | self._calibration(weights) | {"auprc": self._auprc(weights)}

    def _auprc(self, weights: np.ndarray) -> np.ndarray:
        pairs = self._pairs
        of_pairs = weights[:, pairs.post]
        each = []
        for number in range(pairs.n_criteria):
            rows = np.flatnonzero(pairs.criterion == number)
            each.append(weighted_average_precision(pairs.labels[rows], pairs.probabilities[rows], of_pairs[:, rows]))
        # Without symptoms is a post whose likeliest criterion is unlikely, the order of which one threshold decides.
        each.append(weighted_average_precision(self.counts[2, :, -1] > 0, 1 - self._highest, weights))
        return _with_means(np.stack(each, axis=1), weighted_average_precision(pairs.labels, pairs.probabilities, of_pairs))


def _with_means(classes: np.ndarray, micro: np.ndarray) -> np.ndarray:
    """(n, criteria + 3) of (n, criteria + 1), whose last is no symptoms: beside them macro and micro."""
    return np.column_stack([classes, mean_of_defined(classes[:, :-1]), micro])


def _reliability(labels: np.ndarray, probabilities: np.ndarray | None) -> tuple[ReliabilityBin, ...]:
    if probabilities is None:
        return ()
    bins = calibration_bins(probabilities)
    return tuple(
        ReliabilityBin(
            low=number / CALIBRATION_BINS,
            high=(number + 1) / CALIBRATION_BINS,
            pairs=(bins == number).sum(),
            mean_probability=probabilities[bins == number].mean(),
            share_positive=labels[bins == number].mean(),
        )
        for number in np.unique(bins)
    )


def _evidence_evaluation(
    pairs: ScoredPairs, counts: np.ndarray, criteria: Sequence[str], resamples: int, seed: int
) -> EvidenceEvaluation:
    by_post = pairs.sum_by_post(counts)
    width = max(pairs.n_posts, len(COUNTS))
    estimated = bootstrap(lambda w: evidence_figures(w @ by_post), pairs.n_posts, resamples=resamples, seed=seed, width=width)
    with_evidence = counts[:, COUNTS.index("answer_gold")] > 0
    return EvidenceEvaluation(
        pairs=pairs.known.sum(),
        pairs_with_evidence=with_evidence.sum(),
        pairs_unknown=(~pairs.known).sum(),
        scores={name: as_estimate(values) for name, values in estimated.items()},
        per_criterion={
            criterion: {name: float(value) for name, value in evidence_figures(counts[rows].sum(axis=0)).items()}
            for criterion, rows in zip(criteria, np.arange(len(criteria))[:, None] == pairs.criterion, strict=True)
            if with_evidence[rows].any()
        },
    )


def _errors(
    pairs: ScoredPairs, counts: np.ndarray | None, origin: np.ndarray, criteria: Sequence[str]
) -> tuple[ErrorSlice, ...]:
    slices = [
        *(("criterion", criterion, pairs.criterion == number) for number, criterion in enumerate(criteria)),
        *(("length", name, rows) for name, rows in _length_quartiles(pairs).items()),
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
    return float(evidence_figures(sums)["token_f1"]) if sums[COUNTS.index("answer_gold")] else None


def _length_quartiles(pairs: ScoredPairs) -> dict[str, np.ndarray]:
    """Which pairs lie in each quarter of the posts by words; fewer quarters where many posts are as long."""
    words = {text: len(word_spans(text)) for text in set(pairs.texts)}
    length = np.array([words[text] for text in pairs.texts])
    _, first = np.unique(pairs.post, return_index=True)
    ends = np.unique(np.quantile(length[first], (0.25, 0.5, 0.75, 1), method="inverted_cdf"))
    starts = [length.min(), *(ends[:-1] + 1)]
    return {f"{start}-{end} words": (start <= length) & (length <= end) for start, end in zip(starts, ends, strict=True)}
