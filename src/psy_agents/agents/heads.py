"""Heads on top of encoders, and joint's fusion. B: windows, T: tokens, H: hidden size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


class Similarity(nn.Module):
    """How alike a window's criterion and post are: the cosine of their mean token states, scaled and shifted.

    Reimers & Gurevych 2019, section 3, on states that have seen each other. An encoder trained for sentence
    similarity knows the answer before the first step; an MLP alone would have to learn it anew from few pairs.
    """

    SCALE, MIDDLE = 8.0, 0.5  # what the two learned numbers start from: a logit of 4 for equal texts

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(1, 1)
        nn.init.constant_(self.line.weight, self.SCALE)
        nn.init.constant_(self.line.bias, -self.SCALE * self.MIDDLE)

    def forward(self, states_BTH: Tensor, criterion_BT: Tensor, post_BT: Tensor) -> Tensor:
        """Return logits (B) in float32; the masks are True on the tokens of either text."""
        criterion_BH, post_BH = (_mean(states_BTH.float(), mask_BT) for mask_BT in (criterion_BT, post_BT))
        return self.line(F.cosine_similarity(criterion_BH, post_BH, dim=-1).unsqueeze(-1)).float().squeeze(-1)


def _mean(states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
    keep_BT1 = mask_BT.unsqueeze(-1)
    return (states_BTH * keep_BT1).sum(1) / keep_BT1.sum(1).clamp_min(1)


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
