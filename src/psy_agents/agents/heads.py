"""Heads on encoders, similarity logits, and the fusion of two encoders. B: windows, T: tokens, H: hidden size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.encoders.dropout import FastDropout

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU}


def new_head(config: ModelConfig, hidden: int, outputs: int) -> nn.Sequential:
    """Build a multi-layer perceptron: ``head_depth`` times (dropout, linear, activation), then dropout and linear."""
    layers: list[nn.Module] = []
    width = hidden
    for _ in range(config.head_depth):
        layers += [FastDropout(config.head_dropout), nn.Linear(width, config.head_width)]
        layers += [ACTIVATIONS[config.head_activation]()]
        width = config.head_width
    return nn.Sequential(*layers, FastDropout(config.head_dropout), nn.Linear(width, outputs))


class _ScaledCosine(nn.Module):
    """A logit from a cosine, scaled and shifted by two learned numbers; always in float32."""

    SCALE, MIDDLE = 8.0, 0.5  # initial values: equal texts have a logit of 4

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(self.SCALE))
        self.shift = nn.Parameter(torch.tensor(-self.SCALE * self.MIDDLE))

    def logit(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the logit of two vectors; the last dimension is the vectors' dimension."""
        return F.cosine_similarity(one, other, dim=-1) * self.scale + self.shift


class Similarity(_ScaledCosine):
    """Similarity of a window's criterion and post: the cosine of their mean token states.

    Reimers & Gurevych 2019, section 3, on token states that attend to both texts. An encoder trained for
    sentence similarity gives a useful logit before the first step; a head would have to learn it from few pairs.
    """

    def forward(self, states_BTH: Tensor, criterion_BT: Tensor, post_BT: Tensor) -> Tensor:
        """Return logits (B) in float32; the masks mark the tokens of the two texts."""
        return self.logit(*(_mean(states_BTH.float(), mask_BT) for mask_BT in (criterion_BT, post_BT)))


class SentenceSimilarity(_ScaledCosine):
    """Similarity of a window's criterion and each sentence of its post: the cosine of their mean token states."""

    def forward(self, states_BTH: Tensor, criterion_BT: Tensor, sentence_BT: Tensor, n_sentences: int) -> Tensor:
        """Return the logit of each token's sentence (B, T) in float32, 0 outside the sentences.

        Args:
            sentence_BT: number of the token's sentence, from 0 in each window; -1 outside.
            n_sentences: at least the number of sentences in any window; reading it from the tensor would wait for the GPU.
        """
        states_BTH, inside_BT, number_BT = states_BTH.float(), sentence_BT >= 0, sentence_BT.clamp_min(0)
        # Sums instead of means: a cosine ignores length.
        sums_BSH = states_BTH.new_zeros(number_BT.shape[0], n_sentences, states_BTH.shape[-1])
        number_BTH = number_BT.unsqueeze(-1).expand_as(states_BTH)
        sums_BSH = sums_BSH.scatter_add(1, number_BTH, states_BTH * inside_BT.unsqueeze(-1))
        logits_BS = self.logit(_mean(states_BTH, criterion_BT).unsqueeze(1), sums_BSH)
        return logits_BS.gather(1, number_BT) * inside_BT


def _mean(states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
    keep_BT1 = mask_BT.unsqueeze(-1)
    return (states_BTH * keep_BT1).sum(1) / keep_BT1.sum(1).clamp_min(1)


class Fusion(nn.Module):
    """Fuses the criteria encoder's pooled vector into the evidence encoder's token states.

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
