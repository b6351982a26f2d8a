"""The kinds of metrics, by the data that they are computed from, and what a metric declares.

A metric is one constant in a file of `psy_agents.evaluation.metrics.criteria` or `.evidence`, where `registry` finds it. Its fields
say where the report page, the LaTeX and CSV tables, the model card and the metrics of each epoch show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

Side = Literal["criteria", "evidence"]
"""The two sides of a prediction: which criteria are met, and which spans are the evidence."""
Mean = Literal["macro", "micro"]
Interval = Literal["exact", "wilson", "f1", "biased", "bootstrap"]
"""The 95 % interval of a metric, see `psy_agents.evaluation.intervals`."""


class Counts(NamedTuple):
    """Pairs (post, criterion) that are both predicted and gold positive, predicted positive, gold positive, and all; equal shapes."""

    hits: np.ndarray
    predicted: np.ndarray
    gold: np.ndarray
    pairs: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        name: name in files, in MLflow and in trials.
        title: title on pages and in the model card.
        short: heading in LaTeX tables; None: the title.
        higher_is_better: False for an error, such as Brier's score.
        hub_type: the metric's id on the Hugging Face Hub, for the header of the model card; None: not in the header.
        position: tables sort metrics by position, then by name.
        interval: the method of its interval. "bootstrap" suits any metric; "exact", "wilson" and "f1" are for metrics that cannot
            leave [0, 1], and "exact" for shares of counted cases. "biased" is for an error that chance alone makes larger.
    """

    side: ClassVar[Side]

    name: str
    title: str
    short: str | None = None
    higher_is_better: bool = True
    hub_type: str | None = None
    position: int = 1000
    interval: Interval = "bootstrap"

    @property
    def heading(self) -> str:
        """Heading in LaTeX tables."""
        return self.short or self.title


@dataclass(frozen=True, kw_only=True)
class ClassMetric(Metric):
    """A metric of each criterion, of the posts without symptoms, and of their macro and micro means.

    Attributes:
        in_summary: the means that are columns of the summary.
        in_epochs: the means that training computes after each epoch; "criterion": the value of each criterion too.
        in_latex_classes: whether the LaTeX table of criteria has a column for it.
    """

    side: ClassVar[Side] = "criteria"

    in_summary: tuple[Mean, ...] = ()
    in_epochs: tuple[Mean | Literal["criterion"], ...] = ()
    in_latex_classes: bool = False


@dataclass(frozen=True, kw_only=True)
class CountMetric(ClassMetric):
    """A metric of the counts of a class.

    Attributes:
        compute: an array of the counts' shape; NaN where a class has no gold positive.
        ratio: the two counts whose ratio the interval is about: of an F1, the hits and the pairs that are predicted or gold; None
            for an interval by bootstrap.
    """

    compute: Callable[[Counts], np.ndarray]
    ratio: Callable[[Counts], tuple[np.ndarray, np.ndarray]] | None = None


@dataclass(frozen=True, kw_only=True)
class RankingMetric(ClassMetric):
    """A metric of the ranking of the pairs of a class by probability.

    Attributes:
        compute: the metric (n,) from labels and probabilities (pairs,) and weights (n, pairs), the number of times each pair
            counts; NaN where no positive has a weight.
    """

    compute: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class PostMetric(Metric):
    """The mean over posts of a value of each post.

    Attributes:
        compute: the value of each post from its counts over all criteria.
        in_summary: whether it is a column of the summary.
    """

    side: ClassVar[Side] = "criteria"

    compute: Callable[[Counts], np.ndarray]
    in_summary: bool = True


@dataclass(frozen=True, kw_only=True)
class ProbabilityMetric(Metric):
    """A metric of the probabilities of all pairs; calibration changes it.

    Attributes:
        per_pair: the (pairs, k) terms of the pairs from their labels and probabilities (pairs,).
        compute: the metric (n,) from the sums (n, k) of the terms and the number of pairs (n,).
        in_summary: whether it is a column of the summary.
        in_epochs: whether training computes it after each epoch.
    """

    side: ClassVar[Side] = "criteria"

    per_pair: Callable[[np.ndarray, np.ndarray], np.ndarray]
    compute: Callable[[np.ndarray, np.ndarray], np.ndarray]
    in_summary: bool = True
    in_epochs: bool = False

    def value(self, labels: np.ndarray, probabilities: np.ndarray) -> float:
        """The metric of these pairs; 0 if there are none."""
        if not len(labels):
            return 0.0
        sums = self.per_pair(labels, probabilities).sum(axis=0)
        return float(self.compute(sums[None], np.array([len(labels)]))[0])


@dataclass(frozen=True, kw_only=True)
class EvidenceMetric(Metric):
    """A metric of predicted spans; training computes it after each epoch too.

    Attributes:
        compute: the metric from sums over pairs by the names in `psy_agents.evaluation.evidence.COUNTS`, in the shape of the sums.
        ratio: the two sums whose ratio the interval is about; None for an interval by bootstrap.
        in_summary: whether it is a column of the summary.
        summary_name: its name in the summary, if a metric of the criteria has the same ``name``; None: ``name``.
    """

    side: ClassVar[Side] = "evidence"

    compute: Callable[[Mapping[str, np.ndarray]], np.ndarray]
    ratio: Callable[[Mapping[str, np.ndarray]], tuple[np.ndarray, np.ndarray]] | None = None
    in_summary: bool = False
    summary_name: str | None = None


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, and 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)


def overlap_parts(unit: str, sums: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """TP and P + G - TP of units: token, sentence, answer or character, as `psy_agents.evaluation.evidence.COUNTS` names them."""
    both = sums[f"{unit}_both"]
    return both, sums[f"{unit}_predicted"] + sums[f"{unit}_gold"] - both


def unit_metrics(unit: str, position: int, interval: Interval, **f1: Any) -> tuple[EvidenceMetric, EvidenceMetric, EvidenceMetric]:
    """Precision TP / P, recall TP / G and F1 2 TP / (P + G) of units.

    Args:
        position: of precision; recall and F1 follow.
        interval: of precision and recall.
        f1: further fields of F1.
    """

    def share(name: str, of: str, place: int) -> EvidenceMetric:
        def parts(sums: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
            return sums[f"{unit}_both"], sums[f"{unit}_{of}"]

        return EvidenceMetric(
            name=f"{unit}_{name}",
            title=f"{unit} {name}",
            position=place,
            interval=interval,
            compute=lambda sums: ratio(*parts(sums)),
            ratio=parts,
        )

    return (
        share("precision", "predicted", position),
        share("recall", "gold", position + 1),
        EvidenceMetric(
            name=f"{unit}_f1",
            title=f"{unit}-F1",
            position=position + 2,
            interval="f1",
            compute=lambda sums: ratio(2 * sums[f"{unit}_both"], sums[f"{unit}_predicted"] + sums[f"{unit}_gold"]),
            ratio=partial(overlap_parts, unit),
            **f1,
        ),
    )
