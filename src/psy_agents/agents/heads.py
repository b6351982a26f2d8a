"""Heads on top of encoders, and joint's fusion. B: windows, T: tokens, H: hidden size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from psy_agents.agents.config import ModelConfig

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU}


def head(config: ModelConfig, hidden: int, outputs: int) -> nn.Sequential:
    """A multi-layer perceptron: ``head_depth`` times (dropout, linear, activation), then dropout and linear."""
    layers: list[nn.Module] = []
    width = hidden
    for _ in range(config.head_depth):
        layers += [nn.Dropout(config.head_dropout), nn.Linear(width, config.head_width)]
        layers += [ACTIVATIONS[config.head_activation]()]
        width = config.head_width
    return nn.Sequential(*layers, nn.Dropout(config.head_dropout), nn.Linear(width, outputs))


class Fusion(nn.Module):
    """Brings the criteria encoder's pooled vector into the evidence encoder's token states.

    ``add``: states + W v. ``gate``: states + sigmoid(U [states; v]) * W v. ``concat``: U [states; v] + states.
    """

    def __init__(self, kind: str, hidden: int, vector: int) -> None:
        super().__init__()
        self.kind = kind
        self.project = nn.Linear(vector, hidden)
        self.mix = nn.Linear(2 * hidden, hidden) if kind != "add" else None

    def forward(self, states_BTH: Tensor, vector_BV: Tensor) -> Tensor:
        """Return fused token states (B, T, H)."""
        vector_BTH = self.project(vector_BV).unsqueeze(1).expand_as(states_BTH)
        if self.kind == "add":
            return states_BTH + vector_BTH
        mixed_BTH = self.mix(torch.cat([states_BTH, vector_BTH.to(states_BTH.dtype)], dim=-1))
        if self.kind == "gate":
            return states_BTH + mixed_BTH.sigmoid() * vector_BTH
        return states_BTH + mixed_BTH
