"""Hyper-parameters of an agent's model and of its losses: a flat schema, in which every field changes a run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from psy_agents.agents.pooling import POOLINGS
from psy_agents.files.schema import Schema

BUNDLED_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


class ModelConfig(Schema):
    """The model's parts, and how it reads a post."""

    encoder: str = Field(BUNDLED_ENCODER, pattern=r"\S", description="Hub name or local folder of the encoder.")
    max_length: int = Field(192, ge=16, le=8192, description="Tokens in a window, criterion included.")
    window_overlap: float = Field(0.25, ge=0, le=0.75, description="Share of a window's post tokens that the next repeats.")
    window_pooling: Literal["max", "mean", "logsumexp"] = Field("max", description="Pools the logits of a pair's windows into one logit.")

    attention: Literal["auto", "causal", "bidirectional"] = Field(
        "auto",
        description="Which tokens a decoder's tokens attend to: causal: those before them, as they were trained; bidirectional: all of the "
        "window (LLM2Vec, BehnamGhader et al. 2024). auto: bidirectional for agents that predict evidence, whose tokens must know what "
        "follows, else causal. Encoders are always bidirectional.",
    )
    pooling: Literal[POOLINGS] = Field("mean", description="Pools token states into one vector.")
    similarity: Literal["none", "cosine"] = Field(
        "cosine", description="cosine: the logits include the cosine similarity of the criterion with the post and with its sentences."
    )
    head_depth: int = Field(1, ge=0, le=4, description="Hidden layers in a head; 0 is a linear head.")
    head_width: int = Field(256, ge=8, le=4096, description="Units in a hidden layer of a head.")
    head_activation: Literal["gelu", "relu", "tanh", "silu"] = Field("gelu", description="Activation between a head's layers.")
    head_dropout: float = Field(0.1, ge=0, le=0.9, description="Dropout before each linear layer of a head.")
    encoder_dropout: float = Field(
        0.1, ge=0, le=0.9, description="Dropout of the encoder's hidden states; attention weights have no dropout."
    )
    frozen_layers: int = Field(0, ge=0, description="The embeddings and this many lowest layers are not trained; 0 trains all.")
    reinitialised_layers: int = Field(0, ge=0, description="Number of top layers to re-initialise (Zhang et al. 2021, section 4).")

    lora_rank: int = Field(
        0,
        ge=0,
        le=1024,
        description="Rank of LoRA's adapters (Hu et al. 2022), which are trained in place of the encoder's own weights; 0: no adapters.",
    )
    lora_alpha: float = Field(32.0, gt=0, le=4096, description="An adapter's output is multiplied by lora_alpha / lora_rank.")
    lora_dropout: float = Field(0.05, ge=0, le=0.9, description="Dropout of what adapters read.")
    lora_targets: Literal["linear", "attention"] = Field(
        "linear",
        description="Layers with adapters. linear: all linear layers (Dettmers et al. 2023); attention: those that make queries and values "
        "(Hu et al. 2022).",
    )

    fusion: Literal["add", "gate", "concat"] = Field(
        "gate", description="joint: how the criteria encoder's vector is fused into the evidence encoder's token states."
    )


class LossConfig(Schema):
    """The loss of an agent."""

    loss: Literal["cross_entropy", "label_smoothing", "focal"] = Field("cross_entropy", description="Loss of the criterion logit.")
    label_smoothing_factor: float = Field(0.1, ge=0, lt=1, description="Mass spread evenly over both classes (loss: label_smoothing).")
    focal_gamma: float = Field(2.0, ge=0, le=10, description="Lin et al. 2017, equation 4 (loss: focal).")
    class_weighting: Literal["none", "balanced", "sqrt_balanced"] = Field(
        "none", description="Weight of positive pairs: 1, negatives/positives, or its square root."
    )
    span_loss: Literal["uniform", "marginal"] = Field(
        "uniform",
        description="With several gold spans: uniform puts equal mass on each; "
        "marginal maximises the sum of their likelihoods (Clark & Gardner 2018).",
    )
    no_answer_weight: float = Field(0.5, ge=0, le=10, description="Weight of windows without evidence in the span loss.")
    evidence_loss_weight: float = Field(
        0.5, ge=0, le=1, description="For agents that predict criterion and evidence: weight of the span loss, between 0 and 1."
    )
