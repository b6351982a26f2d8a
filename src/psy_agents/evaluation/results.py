"""Schemas of a report: results of models and baselines on the test pairs.

All results are computed from predictions tables (`psy_agents.evaluation.predictions`), and can be computed again from the saved tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, FiniteFloat, model_validator

from psy_agents.corpus.quality_figures import AnnotatorFigures
from psy_agents.evaluation.metrics.kinds import Metric
from psy_agents.evaluation.metrics.registry import CLASS_METRICS, EVIDENCE_METRICS, OBJECTIVES, OVERALL_METRICS, SUMMARY, MetricName
from psy_agents.files.schema import Schema


def _check_names(metrics: Mapping[str, Metric], names: Iterable[str]) -> None:
    if unknown := sorted(set(names) - set(metrics)):
        raise ValueError(f"There is no metric {unknown[0]} (there are: {', '.join(metrics)}).")


class Estimate(Schema):
    """A value with its 95 % interval (`psy_agents.evaluation.intervals`); low and high are None without one."""

    value: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None


class _MetricFields(Schema):
    """A schema with a field for each metric in ``metrics``: its estimate, or None if the metric is undefined."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Estimate | None]
    metrics: ClassVar[Mapping[str, Metric]]

    @model_validator(mode="after")
    def _metrics_are_known(self) -> Self:
        _check_names(self.metrics, self.__pydantic_extra__)
        return self

    def estimate(self, name: str) -> Estimate | None:
        """The metric's estimate; None if it is undefined or was not computed."""
        return self.__pydantic_extra__.get(name)


class ClassScores(_MetricFields):
    """Every class metric of one class, or of a mean of classes: None without positives, a ranking metric also without probabilities."""

    metrics = CLASS_METRICS

    support: int = Field(ge=0, description="Positive pairs in the gold labels; posts for no_symptoms.")
    predicted: int = Field(ge=0, description="Predicted positive pairs; posts for no_symptoms.")


class ReliabilityBin(Schema):
    """Pairs whose probability lies in [low, high)."""

    low: FiniteFloat
    high: FiniteFloat
    pairs: int
    mean_probability: FiniteFloat
    share_positive: FiniteFloat


class Average(Schema):
    """An average of precision, recall and F1 over classes or posts."""

    precision: FiniteFloat
    recall: FiniteFloat
    f1: FiniteFloat


class CriterionEvaluation(_MetricFields):
    """The metrics of a system's decisions which criteria are met."""

    metrics = OVERALL_METRICS

    derived: bool = Field(description="True if the model predicts only spans: a criterion with a span counts as met.")
    per_criterion: dict[str, ClassScores]
    macro: ClassScores = Field(description="Mean over the criteria with a positive pair.")
    micro: ClassScores
    no_symptoms: ClassScores = Field(description="The derived class: posts for which no criterion is met.")
    averages: dict[str, Average] = Field(
        description="micro, macro, weighted and samples average of all criteria and no symptoms as the classes of one problem."
    )
    reliability: tuple[ReliabilityBin, ...]
    reliability_uncalibrated: tuple[ReliabilityBin, ...] = Field(description="Before calibration; empty for baselines.")


class EvidenceEvaluation(Schema):
    """The metrics of a system's evidence spans."""

    pairs: int
    pairs_with_evidence: int
    pairs_unknown: int = Field(description="Pairs left out, since the position of their annotated evidence is unknown.")
    scores: dict[str, Estimate]
    support: dict[str, int] = Field(description="Pairs with evidence of each criterion with evidence.")
    per_criterion: dict[str, dict[str, FiniteFloat]] = Field(description="The same metrics for each criterion with evidence.")

    @model_validator(mode="after")
    def _metrics_are_known(self) -> Self:
        for scores in (self.scores, *self.per_criterion.values()):
            _check_names(EVIDENCE_METRICS, scores)
        return self


class ErrorSlice(Schema):
    """Errors in one group of pairs."""

    group: Literal["criterion", "length", "origin"]
    name: str
    pairs: int
    positives: int
    false_positives: int
    false_negatives: int
    token_f1: FiniteFloat | None = Field(description="None if the group has no evidence or the system predicts no spans.")


class Evaluation(Schema):
    """One model or baseline on the test pairs."""

    name: str
    kind: Literal["agent", "baseline"]
    posts: int
    pairs: int
    criterion: CriterionEvaluation | None = Field(description="None for a baseline that predicts only spans.")
    evidence: EvidenceEvaluation | None = Field(description="None for a system that predicts no spans.")
    errors: tuple[ErrorSlice, ...]

    def estimate(self, name: str) -> Estimate | None:
        """The estimate in column ``name`` of the summary; None if the system does not have it."""
        column = SUMMARY[name]
        if column.metric.side == "evidence":
            return None if self.evidence is None else self.evidence.scores.get(column.metric.name)
        if self.criterion is None:
            return None
        scores = self.criterion if column.mean is None else getattr(self.criterion, column.mean)
        return scores.estimate(column.metric.name)

    @property
    def objectives(self) -> dict[str, float]:
        """The value of each metric in `OBJECTIVES` that the system has; decisions that are derived from spans are left out."""
        derived = self.criterion is not None and self.criterion.derived
        estimates = {metric: self.estimate(metric) for side, metric in OBJECTIVES.items() if not (derived and side == "criteria")}
        return {metric: estimate.value for metric, estimate in estimates.items() if estimate is not None}


class Comparison(Schema):
    """The difference of two systems in a metric, with a paired permutation test by resampling unit."""

    metric: MetricName
    first: str
    second: str
    with_baseline: bool = Field(False, description="The second system is a baseline.")
    difference: Estimate = Field(description="first minus second, with its interval.")
    p_value: FiniteFloat
    p_holm: FiniteFloat = Field(description="p_value after Holm's correction over the comparisons of its family.")
    better: bool = Field(False, description="The first system is shown to be better: p_holm is at most 0.05.")
    worse: bool = Field(False, description="The first system is shown to be worse.")
    detectable: FiniteFloat | None = Field(None, description="The smallest true difference that the test finds with a power of 80 %.")
    same_answers: bool = Field(False, description="Both have the same decisions, of evidence the same spans, on every test pair.")
    permutations: int


class Alarm(Schema):
    """An agent that is not shown to be better than a baseline."""

    agent: str
    metric: MetricName
    baseline: str
    difference: Estimate = Field(description="agent minus baseline.")
    p_holm: FiniteFloat
    worse: bool = Field(description="The agent is shown to be worse.")
    same_answers: bool = Field(False, description="Of agent and baseline on every test pair.")


class CriterionThreshold(Schema):
    """Decision threshold of a criterion, on calibrated probabilities."""

    threshold: FiniteFloat
    own: bool = Field(description="False: it has the pooled threshold, since too few held-out pairs are positive.")
    validation_positives: int = Field(description="Held-out pairs that are positive, each counted once.")


class AgentDecisions(Schema):
    """Choices made on held-out pairs for an agent that predicts criteria: validation, or with resplits what each seed held out."""

    agent: str
    temperature: FiniteFloat = Field(gt=0, description="1 if probabilities are not calibrated.")
    shift: FiniteFloat = Field(description="Added to the log odds after the temperature; 0 without Platt scaling.")
    threshold: FiniteFloat = Field(description="The pooled threshold.")
    criteria: dict[str, CriterionThreshold]


class Gain(Schema):
    """Change of a metric on test by a choice made on held-out pairs: without it, with it, and the difference."""

    agent: str
    choice: Literal["calibration", "thresholds"]
    metric: MetricName
    criterion: str | None = Field(description="Set only if the metric is the F1 of a criterion.")
    without: Estimate
    chosen: Estimate
    difference: Estimate = Field(description="chosen minus without, paired.")


class ModelCost(Schema):
    """Cost of a final model."""

    members: int = Field(ge=1, description="1: a single agent.")
    train_seconds: FiniteFloat = Field(description="Sum over the members' final runs; runs of the winner include their test.")
    test_seconds: FiniteFloat = Field(description="Time to predict the test split, without loading.")
    parameters: int
    disk_bytes: int


class EnsembleResult(Schema):
    """Gain of an ensemble over the single winner on test, and its cost."""

    kind: Literal["seeds", "top_k"]
    gain: tuple[Comparison, ...] = Field(description="Ensemble minus single winner, on the same test pairs.")
    cost: ModelCost
    single_cost: ModelCost


class AgentEnsemble(EnsembleResult):
    """The ensemble of one agent."""

    agent: str


class SeedScores(Schema):
    """The winner's objective over the fixed seeds, on the pairs that each of them held out."""

    agent: str
    seeds: tuple[int, ...] = Field(description="The seed of each value.")
    resplit: bool = Field(False, description="Each seed held out another part of train + validation; False: all held out validation.")
    values: tuple[FiniteFloat, ...]
    mean: FiniteFloat
    standard_deviation: FiniteFloat | None = Field(description="Sample standard deviation (n - 1); None for one seed.")


class Selection(Schema):
    """The objective of an agent's winner each time it was scored, and what was chosen on that value.

    All but the last are too high on average: each is a maximum over what it chose, and its thresholds were chosen on the same pairs.
    """

    agent: str
    trials: int | None = Field(description="Trials with a value in the stage that the candidates are from; None without its study.")
    candidates: int = Field(description="Of these trials' best, trained again with every seed.")
    searched: FiniteFloat = Field(description="Highest value of the search on validation: chose the candidates.")
    winner_searched: FiniteFloat = Field(description="The winner's value in the search.")
    confirmed: FiniteFloat = Field(description="The winner's mean over the seeds' held-out pairs: chose the winner.")
    other_seeds: FiniteFloat | None = Field(
        description="Mean over the seeds of the candidate that the other seeds choose, on what the seed held out: without the choice of "
        "the winner on the same values. None without resplits, with one seed or candidate, or if runs failed or were left out."
    )
    test: FiniteFloat = Field(description="Of the single winner on test, trained on train + validation: chose nothing.")


class SeedSpread(Schema):
    """One metric of the final models on test; they differ in the seed of their training."""

    metric: MetricName
    values: tuple[FiniteFloat, ...] = Field(description="By seed; that of the model that is handed over first.")
    mean: Estimate = Field(description="Its interval is over seeds and posts; of one seed over posts.")
    standard_deviation: FiniteFloat | None = Field(description="Over the seeds, of the sample (n - 1); None for one seed.")


class AgentSpread(SeedSpread):
    """The spread of one agent."""

    agent: str
    seeds: tuple[int, ...] = Field(description="The seed of each value.")


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


class BackboneResult(Schema):
    """The trials of one encoder in the search of an agent that searched several. Weights and time are those of its best trial."""

    agent: str
    encoder: str
    trials: int
    complete: int
    best: FiniteFloat | None = Field(description="On validation; too high on average, the more so the more trials there are.")
    median: FiniteFloat | None = Field(description="Of the complete trials, on validation.")
    parameters: int | None
    trained_parameters: int | None
    ms_per_post: FiniteFloat | None = Field(description="Milliseconds to predict all criteria of a post, on the machine of the search.")


class Provenance(Schema):
    """What a report is of, and what made it."""

    corpus: str = Field(description="Its name in globals.yml.")
    environment: str = Field(description="Kedro environment.")
    git_commit: str = Field(description="Of the code, with +changes if files differ; unknown outside a git checkout.")
    made_at: AwareDatetime


class Report(Schema):
    """The whole report without its plots."""

    provenance: Provenance | None = Field(None, description="Null in the report of a model card, which says it itself.")
    data_hash: str
    posts: int
    units: int = Field(description="Resampling units: fewer than posts if clusters of near-duplicates, or an author's posts, are one.")
    pairs: int
    resamples: int
    evaluations: tuple[Evaluation, ...]
    comparisons: tuple[Comparison, ...]
    alarms: tuple[Alarm, ...]
    decisions: tuple[AgentDecisions, ...]
    gains: tuple[Gain, ...]
    ensembles: tuple[AgentEnsemble, ...] = Field(description="Empty if no agent's model is an ensemble.")
    seeds: tuple[SeedScores, ...]
    selections: tuple[Selection, ...]
    final_models: tuple[AgentSpread, ...] = Field((), description="By agent and metric: the final models of all seeds on test.")
    stages: tuple[StageCost, ...]
    backbones: tuple[BackboneResult, ...] = Field((), description="Of agents whose search had several encoders.")
    missing: tuple[str, ...] = Field(description="Agents without a refit on these data.")
    untuned_winners: tuple[str, ...] = Field((), description="Agents that are their own untuned agent: one model.")
    annotators: AnnotatorFigures | None = Field(None, description="Their agreement on the whole corpus; null where they are not named.")
