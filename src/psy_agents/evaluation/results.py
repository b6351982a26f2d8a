"""What a report says about models and baselines on the test pairs, typed.

All of it is computed from predictions tables (`psy_agents.evaluation.predictions`), so that every figure can be
computed again from what was saved.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, FiniteFloat

from psy_agents.files.schema import Schema


class Estimate(Schema):
    """A figure with its 95 % percentile interval of a bootstrap by post; no interval where none was asked for."""

    value: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None


class ClassScores(Schema):
    """Precision, recall, F1 and average precision of one class, or a mean of classes."""

    support: int = Field(ge=0, description="Positive pairs (no_symptoms: posts) in the gold labels.")
    predicted: int = Field(ge=0, description="Those that were predicted.")
    precision: Estimate
    recall: Estimate
    f1: Estimate
    auprc: Estimate | None = Field(description="None where there are no probabilities, or no positive.")


class ReliabilityBin(Schema):
    """Pairs whose probability lies in [low, high)."""

    low: FiniteFloat
    high: FiniteFloat
    pairs: int
    mean_probability: FiniteFloat
    share_positive: FiniteFloat


class CriterionEvaluation(Schema):
    """How well the criteria that are met were found."""

    derived: bool = Field(description="True where the model predicts spans only: a criterion with a span counts as met.")
    per_criterion: dict[str, ClassScores]
    macro: ClassScores = Field(description="Mean over the criteria with a positive pair.")
    micro: ClassScores
    no_symptoms: ClassScores = Field(description="The derived class: posts for which no criterion is met.")
    exact_match: Estimate = Field(description="Share of posts whose set of criteria is right.")
    ece: Estimate | None
    brier: Estimate | None
    reliability: tuple[ReliabilityBin, ...]
    reliability_uncalibrated: tuple[ReliabilityBin, ...] = Field(description="Before calibration; empty of baselines.")


class EvidenceEvaluation(Schema):
    """How well the evidence was found; the names are those of `EvidenceScorer.score`."""

    pairs: int
    pairs_with_evidence: int
    pairs_unknown: int = Field(description="Left out: their evidence is annotated, but its place is not known.")
    scores: dict[str, Estimate]
    per_criterion: dict[str, dict[str, FiniteFloat]] = Field(description="token_f1 and so on of each criterion with evidence.")


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


class Comparison(Schema):
    """A paired permutation test by post: how often chance alone gives so great a difference."""

    metric: Literal["macro_f1", "token_f1"]
    first: str
    second: str
    difference: Estimate = Field(description="first minus second, with its bootstrap interval.")
    p_value: FiniteFloat
    p_holm: FiniteFloat = Field(description="Holm's correction over the comparisons of one metric.")
    permutations: int


class Alarm(Schema):
    """A model that is no better than a baseline."""

    agent: str
    metric: Literal["macro_f1", "token_f1"]
    value: FiniteFloat
    baseline: str
    baseline_value: FiniteFloat


class CriterionThreshold(Schema):
    """Where the decision of a criterion lies, on calibrated probabilities."""

    threshold: FiniteFloat
    own: bool = Field(description="False: the pooled one, because validation has too few positive pairs.")
    validation_positives: int


class AgentDecisions(Schema):
    """What was chosen on validation for an agent that predicts criteria."""

    agent: str
    temperature: FiniteFloat = Field(gt=0, description="1 where probabilities are not calibrated.")
    shift: FiniteFloat = Field(description="Of the log odds, after the temperature; 0 where there is none.")
    threshold: FiniteFloat = Field(description="The pooled one.")
    criteria: dict[str, CriterionThreshold]


class Gain(Schema):
    """What a choice made on validation changes on test: a figure without it, with it, and the difference, each with an interval."""

    agent: str
    choice: Literal["calibration", "thresholds"]
    metric: Literal["ece", "brier", "macro_f1", "f1"]
    criterion: str | None = Field(description="Of f1.")
    without: Estimate
    chosen: Estimate
    difference: Estimate = Field(description="chosen minus without, on the same resamples.")


class ModelCost(Schema):
    """What a final model takes."""

    members: int = Field(ge=1, description="1: a single agent.")
    train_seconds: FiniteFloat = Field(description="Of all members' final runs, one after another; the winner's is tested in it.")
    test_seconds: FiniteFloat = Field(description="To predict the test split, once loaded.")
    parameters: int
    disk_bytes: int


class EnsembleResult(Schema):
    """What several agents together buy on test against the single winner, and what they cost."""

    kind: Literal["seeds", "top_k"]
    gain: tuple[Comparison, ...] = Field(description="ensemble minus single, on the same test pairs.")
    cost: ModelCost
    single_cost: ModelCost


class AgentEnsemble(EnsembleResult):
    """The same, of one agent."""

    agent: str


class SeedScores(Schema):
    """The winner's objective on validation over the fixed seeds."""

    agent: str
    values: tuple[FiniteFloat, ...]
    mean: FiniteFloat
    standard_deviation: FiniteFloat = Field(description="Of the sample (n - 1); 0 for one seed.")


class StageCost(Schema):
    """What a stage's study took."""

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
    """Everything of the report but its figures."""

    data_hash: str
    posts: int
    pairs: int
    resamples: int
    evaluations: tuple[Evaluation, ...]
    comparisons: tuple[Comparison, ...]
    alarms: tuple[Alarm, ...]
    decisions: tuple[AgentDecisions, ...]
    gains: tuple[Gain, ...]
    ensembles: tuple[AgentEnsemble, ...] = Field(description="Of the agents whose model is one.")
    seeds: tuple[SeedScores, ...]
    stages: tuple[StageCost, ...]
    missing: tuple[str, ...] = Field(description="Agents that have no refit on these data.")
