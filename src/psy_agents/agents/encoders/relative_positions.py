"""DeBERTa's relative positions from a table on the device. Q, K: query and key tokens."""

from __future__ import annotations

from types import MethodType

import torch
from torch import Tensor, nn

TABLE = "bucket_of_distance"


def use_relative_position_table(encoder: nn.Module) -> None:
    """Let DeBERTa-v2 and v3 look up the bucket of each distance between two tokens (He et al. 2021, section 3.1); others stay.

    transformers computes the buckets in every forward pass and copies a number from the CPU for it: the CPU waits for the GPU, and
    a CUDA graph cannot be captured. The table is a buffer of the encoder that is not saved: distances from -P to P, P being the
    longest input.
    """
    for module in encoder.modules():
        if getattr(module, "relative_attention", False) and hasattr(module, "get_rel_pos"):
            distances = torch.arange(-encoder.config.max_position_embeddings, encoder.config.max_position_embeddings + 1)
            module.register_buffer(TABLE, _buckets(distances, module.position_buckets, module.max_relative_positions), False)
            module.get_rel_pos = MethodType(_looked_up, module)


def _buckets(distances: Tensor, buckets: int, longest: int) -> Tensor:
    from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

    if buckets > 0 and longest > 0:
        return make_log_bucket_position(distances, buckets, longest).long()
    return distances


def _looked_up(self: nn.Module, hidden_states: Tensor, query_states: Tensor | None = None, relative_pos: Tensor | None = None) -> Tensor:
    """Take the place of ``get_rel_pos``: (1, Q, K), unless relative positions are given."""
    if relative_pos is not None:
        return relative_pos
    table = getattr(self, TABLE)
    keys = torch.arange(hidden_states.shape[-2], device=table.device)
    queries = keys if query_states is None else torch.arange(query_states.shape[-2], device=table.device)
    return table[queries[:, None] - keys + len(table) // 2].unsqueeze(0)
