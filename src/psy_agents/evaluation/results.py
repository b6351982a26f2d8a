"""Schemas of a report: results of models and baselines on the test pairs.

Everything is computed from predictions tables (`psy_agents.evaluation.predictions`), so every figure can be computed again from the
saved tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, Field, FiniteFloat, model_validator

from psy_agents.evaluation.metrics.kinds import Metric
from psy_agents.evaluation.metrics.registry import CLASS_METRICS, EVIDENCE_METRICS, OBJECTIVES, OVERALL_METRICS, SUMMARY, MetricName
from psy_agents.files.schema import Schema


def _names_in(metrics: Mapping[str, Metric], names: Iterable[str]) -> None:
    if unknown := sorted(set(names) - set(metrics)):
        raise ValueError(f"There is no metric {unknown[0]} (there are: {', '.join(metrics)}).")


class Estimate(Schema):
    """A figure with its 95 % percentile interval from a bootstrap by post; no interval with 0 resamples."""

    value: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None


class _WithMetrics(Schema):
    """A field for each metric of the table ``metrics``: its estimate, or None where the metric is undefined."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Estimate | None]
    metrics: ClassVar[Mapping[str, Metric]]

    @model_validator(mode="after")
    def _metrics_are_known(self) -> Self:
        _names_in(self.metrics, self.__pydantic_extra__)
        return self

    def estimate(self, name: str) -> Estimate | None:
        """The metric's estimate; None where it is undefined, or was not computed."""
        return self.__pydantic_extra__.get(name)


class ClassScores(_WithMetrics):
    """Every class metric of one class, or of a mean of classes. A ranking metric is None without probabilities or positives."""

    metrics = CLASS_METRICS

    support: int = Field(ge=0, description="Positive pairs (no_symptoms: posts) in the gold labels.")
    predicted: int = Field(ge=0, description="Predicted positive pairs (posts).")


class ReliabilityBin(Schema):
    """Pairs whose probability lies in [low, high)."""

    low: FiniteFloat
    high: FiniteFloat
    pairs: int
    mean_probability: FiniteFloat
    share_positive: FiniteFloat


class CriterionEvaluation(_WithMetrics):
    """How well a system decides which criteria are met, with every metric of all posts or pairs."""

    metrics = OVERALL_METRICS

    derived: bool = Field(description="True where the model predicts spans only: a criterion with a span counts as met.")
    per_criterion: dict[str, ClassScores]
    macro: ClassScores = Field(description="Mean over the criteria with a positive pair.")
    micro: ClassScores
    no_symptoms: ClassScores = Field(description="The derived class: posts for which no criterion is met.")
    reliability: tuple[ReliabilityBin, ...]
    reliability_uncalibrated: tuple[ReliabilityBin, ...] = Field(description="Before calibration; empty for baselines.")


class EvidenceEvaluation(Schema):
    """How well a system finds the evidence, by the metrics of evidence."""

    pairs: int
    pairs_with_evidence: int
    pairs_unknown: int = Field(description="Left out: evidence that is annotated without a known place.")
    scores: dict[str, Estimate]
    per_criterion: dict[str, dict[str, FiniteFloat]] = Field(description="The same metrics of each criterion with evidence.")

    @model_validator(mode="after")
    def _metrics_are_known(self) -> Self:
        for scores in (self.scores, *self.per_criterion.values()):
            _names_in(EVIDENCE_METRICS, scores)
        return self


class ErrorSlice(Schema):
    """Errors in one part of the pairs."""

    group: Literal["criterion", "length", "origin"]
    name: str
    pairs: int
    positives: int
    false_positives: int
    false_negatives: int
    token_f1: FiniteFloat | None = Field(description="None without evidence in the slice or without predicted spans.")


class Evaluation(Schema):
    """One model or baseline on the test pairs."""

    name: str
    kind: Literal["agent", "baseline"]
    posts: int
    pairs: int
    criterion: CriterionEvaluation | None = Field(description="None for a baseline of evidence alone.")
    evidence: EvidenceEvaluation | None = Field(description="None where no spans are predicted.")
    errors: tuple[ErrorSlice, ...]

    def estimate(self, name: str) -> Estimate | None:
        """The estimate in the column ``name`` of the summary; None if the system does not have it."""
        column = SUMMARY[name]
        if column.metric.side == "evidence":
            return None if self.evidence is None else self.evidence.scores.get(column.metric.name)
        if self.criterion is None:
            return None
        scores = self.criterion if column.mean is None else getattr(self.criterion, column.mean)
        return scores.estimate(column.metric.name)

    @property
    def objectives(self) -> dict[str, float]:
        """The value of each metric in `OBJECTIVES` that the system predicts; decisions that are derived from spans are left out."""
        derived = self.criterion is not None and self.criterion.derived
        estimates = {metric: self.estimate(metric) for side, metric in OBJECTIVES.items() if not (derived and side == "criteria")}
        return {metric: estimate.value for metric, estimate in estimates.items() if estimate is not None}


class Comparison(Schema):
    """A paired permutation test by post: the probability of such a difference by chance."""

    metric: MetricName
    first: str
    second: str
    difference: Estimate = Field(description="first minus second, with its bootstrap interval.")
    p_value: FiniteFloat
    p_holm: FiniteFloat = Field(description="Holm's correction over the comparisons of one metric.")
    permutations: int


class Alarm(Schema):
    """A model that is no better than a baseline."""

    agent: str
    metric: MetricName
    value: FiniteFloat
    baseline: str
    baseline_value: FiniteFloat


class CriterionThreshold(Schema):
    """Decision threshold of a criterion, on calibrated probabilities."""

    threshold: FiniteFloat
    own: bool = Field(description="False: the pooled threshold, since validation has too few positive pairs.")
    validation_positives: int


class AgentDecisions(Schema):
    """Choices made on validation for an agent that predicts criteria."""

    agent: str
    temperature: FiniteFloat = Field(gt=0, description="1 where probabilities are not calibrated.")
    shift: FiniteFloat = Field(description="Of the log odds, after the temperature; 0 where there is none.")
    threshold: FiniteFloat = Field(description="The pooled one.")
    criteria: dict[str, CriterionThreshold]


class Gain(Schema):
    """Change of a metric on test by a choice made on validation: without it, with it, and the difference."""

    agent: str
    choice: Literal["calibration", "thresholds"]
    metric: MetricName
    criterion: str | None = Field(description="Of f1.")
    without: Estimate
    chosen: Estimate
    difference: Estimate = Field(description="chosen minus without, on the same resamples.")


class ModelCost(Schema):
    """Cost of a final model."""

    members: int = Field(ge=1, description="1: a single agent.")
    train_seconds: FiniteFloat = Field(description="Sum over the members' final runs; the winner's run includes its test.")
    test_seconds: FiniteFloat = Field(description="To predict the test split, once loaded.")
    parameters: int
    disk_bytes: int


class EnsembleResult(Schema):
    """Gain of an ensemble over the single winner on test, and its cost."""

    kind: Literal["seeds", "top_k"]
    gain: tuple[Comparison, ...] = Field(description="ensemble minus single, on the same test pairs.")
    cost: ModelCost
    single_cost: ModelCost


class AgentEnsemble(EnsembleResult):
    """The ensemble of one agent."""

    agent: str


class SeedScores(Schema):
    """The winner's objective on validation over the fixed seeds."""

    agent: str
    values: tuple[FiniteFloat, ...]
    mean: FiniteFloat
    standard_deviation: FiniteFloat = Field(description="Of the sample (n - 1); 0 for one seed.")


class StageCost(Schema):
    """Cost of the study of a stage."""

    agent: str
    stage: str
    study: str
    trials: int
    states: dict[str, int]
    best: FiniteFloat | None
    training_hours: FiniteFloat
    epochs: int
    failures: dict[str, int] = Field(description="Failed trials by reason.")


class Report(Schema):
    """The whole report without its plots."""

    data_hash: str
    posts: int
    pairs: int
    resamples: int
    evaluations: tuple[Evaluation, ...]
    comparisons: tuple[Comparison, ...]
    alarms: tuple[Alarm, ...]
    decisions: tuple[AgentDecisions, ...]
    gains: tuple[Gain, ...]
    ensembles: tuple[AgentEnsemble, ...] = Field(description="Of agents whose model is an ensemble.")
    seeds: tuple[SeedScores, ...]
    stages: tuple[StageCost, ...]
    missing: tuple[str, ...] = Field(description="Agents without a refit on these data.")
