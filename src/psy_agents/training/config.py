"""All hyper-parameters of a trial as one flat schema, and the training settings that no search changes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from psy_agents.agents.config import LossConfig, ModelConfig
from psy_agents.agents.registry import SENTENCE_AGENTS
from psy_agents.files.schema import UNQUOTED_OFF, Schema

CudaGraphsSetting = Literal["auto", "off"]


class OptimisationConfig(Schema):
    """The optimiser, its schedule, and its batches."""

    learning_rate: float = Field(1e-4, gt=0, le=1, description="Peak learning rate of the encoder's top layer.")
    head_lr_factor: float = Field(3.0, gt=0, le=1000, description="Learning rate of the heads, as a multiple of learning_rate.")
    layer_lr_decay: float = Field(1.0, gt=0, le=1, description="Learning rate of each layer, as a multiple of that of the layer above.")
    weight_decay: float = Field(0.01, ge=0, le=10, description="Decoupled weight decay of matrices; biases and norms have none.")
    adam_beta2: float = Field(0.999, gt=0, lt=1, description="Decay of AdamW's mean of squared gradients; beta1 is 0.9.")
    adam_epsilon: float = Field(1e-8, gt=0, le=1, description="Added to the square root of that mean.")
    lr_scheduler_type: Literal["linear", "cosine", "cosine_with_restarts", "polynomial", "constant_with_warmup", "one_cycle"] = Field(
        "linear",
        description="How the learning rate falls after the warm-up: to 0, except with constant_with_warmup. "
        "one_cycle is PyTorch's OneCycleLR; the others are those of the Trainer.",
    )
    warmup_ratio: float = Field(0.1, ge=0, lt=1, description="Share of all steps in which the learning rate climbs.")
    lr_num_cycles: int = Field(
        2, ge=1, le=20, description="Number of cosine cycles with hard restarts (lr_scheduler_type: cosine_with_restarts)."
    )
    lr_power: float = Field(2.0, gt=0, le=10, description="Exponent of the decay (lr_scheduler_type: polynomial).")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients with a larger norm are scaled down to it.")
    batch_size: int = Field(
        16, ge=1, le=4096, description="Pairs in a micro-batch, unlike the Trainer's examples: a pair with a long post has several windows."
    )
    gradient_accumulation_steps: int = Field(1, ge=1, le=256, description="Micro-batches in an optimiser step.")
    negative_ratio: float = Field(2.0, ge=0, le=100, description="Implicit negatives per positive pair; each epoch draws new ones.")


class HyperParameters(ModelConfig, LossConfig, OptimisationConfig):
    """All hyper-parameters of a trial; a search space may name these fields only."""


class TrainingSettings(Schema):
    """Settings shared by all trials of a study.

    ``fixed`` holds values of hyper-parameters that replace the defaults; the search space overrides them.
    """

    unit: Literal["post", "sentence"] = Field(
        "post",
        description="post: an agent reads whole posts. sentence: it reads them sentence by sentence; "
        f"for agents whose spec sets reads_sentences: {', '.join(SENTENCE_AGENTS)}.",
    )
    objective_evidence_weight: float = Field(
        0.5, ge=0, le=1, description="For agents that predict criterion and evidence: weight of token-F1 in the objective."
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Number format of matrix products; auto: bfloat16 if it is faster (on a CPU, timed once in each process)."
    )
    evaluation_tokens: int = Field(8192, ge=512, description="Padded tokens in an evaluation batch.")
    packing: bool = Field(True, description="Run windows without padding, if the encoder's attention supports it.")
    short_last_layer: bool = Field(
        True, description="Run the last layer only for the first token, if no other is read (pooling: cls, similarity: none)."
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Keep each layer's input alone for the backward pass and compute the rest again: less memory, about a third more "
        "time. With dropout in the encoder, steps are then not captured in CUDA graphs.",
    )
    cuda_graphs: Annotated[CudaGraphsSetting, UNQUOTED_OFF] = Field(
        "auto",
        description="On a GPU: auto captures steps and evaluation in CUDA graphs, on batches filled to a few shapes; off does not.",
    )
    determinism: Annotated[Literal["off", "warn", "strict"], UNQUOTED_OFF] = Field(
        "warn",
        description="warn: on a GPU, operations in their deterministic form, and one without such a form warns. strict: on any device, one "
        "without such a form ends the search. off: as torch is set; on a GPU the same seed may then give other results.",
    )
    keep_freed_memory: bool = Field(
        True, description="A worker keeps freed memory for the next training step instead of returning it to the system (CPU, glibc)."
    )
    frozen_states_gib: float = Field(
        2.0,
        ge=0,
        description="Memory of a worker's cache of token states after frozen layers; if they do not fit, the layers run in every epoch.",
    )
    fixed: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Values of hyper-parameters that replace the defaults; a search space overrides them."
    )

    def hyperparameters(self, params: dict[str, object]) -> HyperParameters:
        """Defaults, overridden by ``fixed``, overridden by a trial's parameters."""
        return HyperParameters(**{**self.fixed, **params})
