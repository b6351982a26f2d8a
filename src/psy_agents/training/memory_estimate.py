"""What a training step needs of a GPU's memory, estimated before it runs.

H: hidden size, I: size of the feed-forward layer, K: size of all keys of a token, N: tokens of a micro-batch.
"""

from __future__ import annotations

import torch
from rich.filesize import decimal
from torch import nn

from psy_agents.agents.model import AgentModel

MOMENTS = 2  # Of AdamW, each as large as the weight, as is its gradient.


class NotEnoughMemory(MemoryError):
    """The estimate is above what is free: the trial runs again with half the micro-batch, as after running out of memory."""


def activation_bytes(encoder: nn.Module, tokens: int, precision: torch.dtype, checkpointing: bool = False) -> int:
    """What a forward pass must keep of the tokens for the backward pass; the true figure is higher.

    A layer keeps the inputs of its two norms (2 H), queries and attention's output (2 H), keys and values (2 K), and the feed-forward
    layer's states before and after its activation (2 I, with a gate 3 I). With gradient checkpointing it keeps its input (H), and one
    layer at a time all of it.
    """
    config = encoder.config
    heads = config.num_attention_heads
    head = getattr(config, "head_dim", None) or config.hidden_size // heads
    keys = head * (getattr(config, "num_key_value_heads", None) or heads)
    gated = any(name.endswith("gate_proj") for name, _ in encoder.named_modules())
    inner = getattr(config, "intermediate_size", None) or getattr(config, "hidden_dim", None) or 4 * config.hidden_size
    layer = 2 * config.hidden_size + 2 * head * heads + 2 * keys + (3 if gated else 2) * inner
    layers = config.num_hidden_layers
    kept = layers * config.hidden_size + layer if checkpointing else layers * layer
    return tokens * kept * precision.itemsize


def optimiser_bytes(agent: AgentModel) -> int:
    """Gradients and moments of what is trained, in float32."""
    return (1 + MOMENTS) * torch.float32.itemsize * sum(weight.numel() for weight in agent.parameters() if weight.requires_grad)


def step_bytes(agent: AgentModel, tokens: int, precision: torch.dtype, checkpointing: bool = False) -> int:
    """What a step needs beside the weights: gradients, moments and the activations of all encoders."""
    activations = sum(activation_bytes(encoder, tokens, precision, checkpointing) for encoder in agent.encoders)
    return optimiser_bytes(agent) + activations


def check_memory(needed: int, free: int, pairs: int) -> None:
    """Refuse a micro-batch that cannot fit.

    Args:
        needed: bytes of a step, from `step_bytes`.
        free: bytes that the device has left beside the weights.
        pairs: of the micro-batch.

    Raises:
        NotEnoughMemory: it cannot.
    """
    if needed > free:
        raise NotEnoughMemory(f"a step of {pairs} pairs needs at least {decimal(needed)}, and the GPU has {decimal(free)} left")
