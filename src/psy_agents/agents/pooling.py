"""One vector from a window's token states. B: windows, T: tokens, H: hidden size."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Pooling(nn.Module):
    """``cls`` (first token), ``mean`` or ``max`` over real tokens, or ``attention`` (a learned query)."""

    def __init__(self, kind: str, hidden: int) -> None:
        super().__init__()
        self.kind = kind
        self.query = nn.Linear(hidden, 1) if kind == "attention" else None

    def forward(self, states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        """Return pooled states (B, H) in float32; ``mask_BT`` is True on real tokens."""
        states_BTH = states_BTH.float()
        keep_BT1 = mask_BT.unsqueeze(-1)
        if self.kind == "cls":
            return states_BTH[:, 0]
        if self.kind == "max":
            return states_BTH.masked_fill(~keep_BT1, -torch.inf).amax(1)
        if self.kind == "mean":
            return (states_BTH * keep_BT1).sum(1) / keep_BT1.sum(1)
        scores_BT1 = self.query(states_BTH).float().masked_fill(~keep_BT1, -torch.inf)
        return (states_BTH * scores_BT1.softmax(1)).sum(1)


def pool_windows(logits_B: Tensor, pair_B: Tensor, n_pairs: int, kind: str) -> Tensor:
    """Pool windows' logits into their pairs' (n_pairs): ``max``, ``mean`` or ``logsumexp`` (a smooth maximum).

    ``logsumexp`` is the mean in the exponential domain, so that one window gives its own logit.
    """
    counts_P = torch.zeros(n_pairs, dtype=logits_B.dtype, device=logits_B.device).index_add_(
        0, pair_B, torch.ones_like(logits_B)
    )
    if kind == "mean":
        return torch.zeros_like(counts_P).index_add_(0, pair_B, logits_B) / counts_P
    highest_P = torch.full_like(counts_P, -torch.inf).scatter_reduce(0, pair_B, logits_B, "amax")
    if kind == "max":
        return highest_P
    scaled_B = (logits_B - highest_P.detach()[pair_B]).exp()
    sums_P = torch.zeros_like(counts_P).index_add_(0, pair_B, scaled_B)
    return highest_P.detach() + (sums_P / counts_P).log()
