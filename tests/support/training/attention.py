"""Packed attention that the stand-in for CUDA graphs can record."""

import pytest
import torch

from psy_agents.agents.encoders import packing, short_last_layer
from psy_agents.agents.encoders.fixed_row import FixedRow


@pytest.fixture
def attention_by_mask(monkeypatch):
    """Attention of fixed rows on a CPU from tensors alone, as on a GPU: a mask over the row instead of a loop over lengths."""
    per_window = packing.attend_per_window

    def window_of_each_token(row, n):
        return torch.searchsorted(row.cu_seqlens[1:], torch.arange(n, dtype=torch.int32, device=row.device), right=True)

    def attend(query, key, value, scale, queries, keys, reach=packing.ALL):
        if not isinstance(queries, FixedRow):
            return per_window(query, key, value, scale, queries, keys, reach)
        mask = window_of_each_token(queries, query.shape[2]).unsqueeze(1) == window_of_each_token(keys, key.shape[2])
        if reach != packing.ALL:  # Both have one layout.
            places = torch.arange(query.shape[2])
            ahead = places - places.unsqueeze(1)
            mask &= (ahead >= -(query.shape[2] if reach.before is None else reach.before))
            mask &= (ahead <= (query.shape[2] if reach.after is None else reach.after))
        return torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)

    for module in (packing, short_last_layer):
        monkeypatch.setattr(module, "attend_per_window", attend)
