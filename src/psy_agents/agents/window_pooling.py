"""Pools the logits of a pair's windows into the pair's logit. B: windows, P: pairs."""

from __future__ import annotations

import torch
from torch import Tensor


def pool_windows(logits_B: Tensor, pair_B: Tensor, n_pairs: int, kind: str) -> Tensor:
    """Pool window logits into pair logits (P): ``max``, ``mean`` or ``logsumexp`` (a smooth maximum).

    ``logsumexp`` is the mean in the exponential domain: the logit of a single window does not change.
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
