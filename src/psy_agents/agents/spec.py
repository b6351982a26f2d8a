"""What the project knows about an agent before it builds one. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from psy_agents.agents.config import ModelConfig
from psy_agents.evaluation.metrics.registry import OBJECTIVES, TITLES

LORA_OPTIONS = frozenset({"lora_rank", "lora_alpha", "lora_dropout", "lora_targets"})
SHARED_OPTIONS = LORA_OPTIONS | frozenset(
    {"encoder", "attention", "max_length", "window_overlap", "encoder_dropout", "frozen_layers", "reinitialised_layers"}
)
"""Fields of `ModelConfig` that every agent reads."""
HEAD_OPTIONS = frozenset({"head_depth", "head_width", "head_activation", "head_dropout"})
"""Fields of `ModelConfig` that an agent with a `psy_agents.agents.heads.new_head` reads."""
CRITERION_OPTIONS = frozenset({"loss", "label_smoothing_factor", "focal_gamma", "class_weighting", "window_pooling"})
EVIDENCE_OPTIONS = frozenset({"span_loss", "no_answer_weight"})
BOTH_OPTIONS = frozenset({"evidence_loss_weight"})


@dataclass(frozen=True)
class AgentSpec:
    """One agent.

    Attributes:
        order: position among the agents, which are listed and searched in this order.
        summary: what it predicts, for the model card: "Reads a text and says {summary}."
        predicts_criterion: whether it decides if the criterion is met. Baselines and the objective use macro-F1.
        predicts_evidence: whether it predicts spans of evidence. Baselines and the objective use token-F1.
        encoders: names of its encoders: attributes of the model and subfolders of a saved agent.
        model_options: fields of `ModelConfig` that it reads, in addition to `SHARED_OPTIONS` and ``window_pooling``.
        reads_sentences: whether it can read a post sentence by sentence (``unit: sentence``).
    """

    order: int
    summary: str
    predicts_criterion: bool
    predicts_evidence: bool
    encoders: tuple[str, ...]
    model_options: frozenset[str]
    reads_sentences: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(self.model_options - set(ModelConfig.model_fields))
        if unknown:
            raise ValueError(f"model_options names {unknown[0]}, which is not a field of ModelConfig")
        if not (self.predicts_criterion or self.predicts_evidence):
            raise ValueError("an agent predicts the criterion, the evidence, or both")

    @property
    def objective_metrics(self) -> tuple[str, ...]:
        """The metrics of its objective, which is the weighted mean of two metrics or a single metric."""
        predicted = {"criteria": self.predicts_criterion, "evidence": self.predicts_evidence}
        return tuple(metric for side, metric in OBJECTIVES.items() if predicted[side])

    def objective_title(self, evidence_weight: float) -> str:
        """Its objective in words: ``macro-F1``, or ``0.5 macro-F1 + 0.5 token-F1``.

        Args:
            evidence_weight: weight of token-F1 where it predicts both.
        """
        titles = [TITLES[metric] for metric in self.objective_metrics]
        weights = (1 - evidence_weight, evidence_weight)
        return titles[0] if len(titles) == 1 else " + ".join(f"{weight:.2g} {title}" for weight, title in zip(weights, titles, strict=True))

    def reads(self, hyperparameter: str) -> bool:
        """Whether the agent uses the hyper-parameter; its search space may name only those it uses."""
        if hyperparameter in CRITERION_OPTIONS:
            return self.predicts_criterion
        if hyperparameter in EVIDENCE_OPTIONS:
            return self.predicts_evidence
        if hyperparameter in BOTH_OPTIONS:
            return self.predicts_criterion and self.predicts_evidence
        if hyperparameter in ModelConfig.model_fields:
            return hyperparameter in SHARED_OPTIONS | self.model_options
        return True
