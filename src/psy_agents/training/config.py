"""All hyper-parameters of a trial as one flat schema, and the training settings that no search changes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from psy_agents.agents.config import LossConfig, ModelConfig
from psy_agents.files.schema import Schema


class OptimisationConfig(Schema):
    """AdamW, its groups, its schedule, and the batches that it sees."""

    learning_rate: float = Field(1e-4, gt=0, le=1, description="Highest rate of the encoder's top layer.")
    head_lr_factor: float = Field(3.0, gt=0, le=1000, description="Heads learn at learning_rate times this.")
    layer_lr_decay: float = Field(1.0, gt=0, le=1, description="Each layer further down learns at this times the one above.")
    weight_decay: float = Field(0.01, ge=0, le=10, description="Decoupled, on matrices only: not on biases and norms.")
    adam_beta2: float = Field(0.999, gt=0, lt=1, description="Decay of AdamW's mean of squared gradients; beta1 is 0.9.")
    adam_epsilon: float = Field(1e-8, gt=0, le=1, description="Added to the root of that mean.")
    lr_scheduler_type: Literal["linear", "cosine", "cosine_with_restarts", "polynomial", "constant_with_warmup", "one_cycle"] = Field(
        "linear",
        description="How the rate falls after the warm-up, to 0 for all but constant_with_warmup. "
        "one_cycle is PyTorch's OneCycleLR; the others are the Trainer's.",
    )
    warmup_ratio: float = Field(0.1, ge=0, lt=1, description="Share of all steps in which the rate climbs.")
    lr_num_cycles: int = Field(
        2, ge=1, le=20, description="Cosines, a hard restart between two of them (lr_scheduler_type: cosine_with_restarts)."
    )
    lr_power: float = Field(2.0, gt=0, le=10, description="Exponent of the decay (lr_scheduler_type: polynomial).")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients longer than this are scaled to it.")
    batch_size: int = Field(
        16, ge=1, le=4096, description="Pairs in a micro-batch. Unlike the Trainer's, it counts pairs: a long post is several windows."
    )
    gradient_accumulation_steps: int = Field(1, ge=1, le=256, description="Micro-batches in an optimiser step.")
    negative_ratio: float = Field(2.0, ge=0, le=100, description="Implicit negatives an epoch per positive pair, drawn anew.")


class HyperParameters(ModelConfig, LossConfig, OptimisationConfig):
    """What a trial is: a search space may name any of these fields, and nothing else."""


class TrainingSettings(Schema):
    """Settings shared by all trials of a study.

    ``fixed`` holds values of hyper-parameters that differ from their defaults; the search space overrides them.
    """

    unit: Literal["post", "sentence"] = Field("post", description="Posts are read whole, or by sentence (criteria agent only).")
    objective_evidence_weight: float = Field(0.5, ge=0, le=1, description="share, joint: weight of token-F1 in the objective.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Format of matrix products; auto: bfloat16 where it is faster (CPU: timed once a process)."
    )
    evaluation_tokens: int = Field(8192, ge=512, description="Padded tokens in an evaluation batch.")
    packing: bool = Field(True, description="Run windows without padding, where the encoder's attention allows it.")
    short_last_layer: bool = Field(
        True, description="Run the last layer for the first token alone where only that is read (pooling: cls, similarity: none)."
    )
    keep_freed_memory: bool = Field(
        True, description="A worker keeps what it frees for the next step (CPU, glibc), instead of asking the kernel each time."
    )
    frozen_states_gib: float = Field(
        2.0, ge=0, description="Memory of a worker for token states after frozen layers; beyond it they are run each time."
    )
    fixed: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Hyper-parameters that differ from their defaults; a search space overrides them."
    )

    def hyperparameters(self, params: dict[str, object]) -> HyperParameters:
        """Defaults, overridden by ``fixed``, overridden by a trial's parameters."""
        return HyperParameters(**{**self.fixed, **params})
