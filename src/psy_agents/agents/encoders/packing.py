"""Packing: an encoder reads windows concatenated into one row, and computes nothing for padding.

B: windows, T: tokens of the longest, N: tokens of all windows, H: hidden size, D: size of an attention head.

Linear layers, norms and activations process each token separately, so windows can be concatenated into a row of N tokens. Only
attention must stay within a window: `packed_attention` replaces the encoder's attention through transformers'
`AttentionInterface`. In a layer with a sliding window a token attends to tokens of its window within a `Reach` (ModernBERT: 64 on
either side), and in causal attention to none that follow. Encoders with custom attention (DeBERTa, MPNet) or other attention patterns
read padded windows. `psy_agents.agents.encoders.packing_probe` tests each encoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from psy_agents.agents.device import to_device
from psy_agents.agents.encoders.loading import first_position

ATTENTION_NAME = "psy_agents_packed"


class Reach(NamedTuple):
    """How far a token attends to tokens before it and to tokens after it; None: to all of them."""

    before: int | None = None
    after: int | None = None

    def covers(self, length: int) -> bool:
        """Whether every token of a window of this length attends to all of them."""
        return all(distance is None or distance >= length - 1 for distance in self)


ALL = Reach()


@dataclass(frozen=True)
class Packing:
    """The layout of B concatenated windows.

    Attributes:
        lengths: number of tokens of each window.
        width: T, the width of the padded windows.
        device: device of the index tensors.
    """

    lengths: tuple[int, ...]
    width: int
    device: torch.device

    @property
    def n_windows(self) -> int:
        """B."""
        return len(self.lengths)

    @property
    def longest(self) -> int:
        """Tokens of the longest window, or more."""
        return max(self.lengths)

    @cached_property
    def positions_N(self) -> Tensor:
        """Each token's position in its window, from 0."""
        return to_device(np.concatenate([np.arange(length) for length in self.lengths]), self.device)

    @cached_property
    def padded_index_N(self) -> Tensor:
        """Each token's index in the flattened padded windows."""
        return to_device(np.repeat(np.arange(len(self.lengths)) * self.width, self.lengths), self.device) + self.positions_N

    @cached_property
    def first_tokens(self) -> Packing:
        """The layout of the first token of each window."""
        return Packing((1,) * len(self.lengths), 1, self.device)

    @cached_property
    def cu_seqlens(self) -> Tensor:
        """(B + 1) cumulative window lengths from 0, in int32."""
        return to_device(np.cumsum([0, *self.lengths]), self.device, torch.int32)

    def band(self, length: int, reach: Reach) -> Tensor | None:
        """(length, length) True where a query's row has a key within ``reach``; None if all are.

        All layers share one band for each length.
        """
        if reach.covers(length):
            return None
        if (length, reach) not in self._bands:
            positions = torch.arange(length, device=self.device)
            ahead = positions - positions[:, None]
            within = torch.ones_like(ahead, dtype=torch.bool)
            if reach.before is not None:
                within &= ahead >= -reach.before
            if reach.after is not None:
                within &= ahead <= reach.after
            self._bands[length, reach] = within
        return self._bands[length, reach]

    @cached_property
    def _bands(self) -> dict[tuple[int, Reach], Tensor]:
        return {}

    def pack(self, padded: Tensor) -> Tensor:
        """(B, T, ...) -> (1, N, ...)."""
        return padded.flatten(0, 1).index_select(0, self.padded_index_N).unsqueeze(0)

    def unpack(self, packed_1NH: Tensor) -> Tensor:
        """(1, N, H) -> (B, T, H), zeros after a window's end."""
        hidden = packed_1NH.shape[-1]
        flat = packed_1NH.new_zeros(self.n_windows * self.width, hidden).index_copy(0, self.padded_index_N, packed_1NH[0])
        return flat.view(self.n_windows, self.width, hidden)


AttentionFunction = Callable[[Tensor, Tensor, Tensor, float, Reach], Tensor]

_current_packing: ContextVar[Packing | None] = ContextVar("current_packing", default=None)
_attention_override: ContextVar[AttentionFunction | None] = ContextVar("attention_override", default=None)


def current_packing() -> Packing | None:
    """The layout of the windows that are being read; None if they are padded."""
    return _current_packing.get()


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention within each window, with the signature of transformers' attention functions: (1, heads, N, D) -> (1, N, heads, D).

    Keys and values may have fewer heads than queries (grouped-query attention).

    In bfloat16 on a CPU the products are not fused, because the backward pass of torch's fused kernel is slow there. Forward and
    backward of 16 windows with 12 heads took 31, 56 and 94 ms fused, and 8, 17 and 43 ms unfused, at 48, 96 and 192 tokens on
    one thread. In float32 the fused kernel is as fast, and faster from 192 tokens.

    Args:
        module: its ``is_causal`` says whether tokens attend to those that follow.
        sliding_window: None, or one more than the layer's reach: transformers counts the token itself.

    Raises:
        NotImplementedError: attention weights have dropout, or attention is masked or capped.
    """
    packing = _current_packing.get()
    if packing is None or dropout or attention_mask is not None or softcap is not None:
        raise NotImplementedError("Packed attention supports no dropout, no mask and no cap.")
    scale = 1 / math.sqrt(query.shape[-1]) if scaling is None else scaling
    reach = reach_of(module, sliding_window)
    query, key = query.to(value.dtype), key.to(value.dtype)  # Rotary positions may leave them in float32.
    override = _attention_override.get()
    if override is not None:
        return override(query, key, value, scale, reach).transpose(1, 2), None
    return attend_per_window(query, key, value, scale, packing, packing, reach).transpose(1, 2), None


def reach_of(module: nn.Module | None, sliding_window: int | None) -> Reach:
    """The reach of an attention layer with a sliding window as transformers counts it, which includes the token itself."""
    reach = None if sliding_window is None else sliding_window - 1
    return Reach(reach, 0 if getattr(module, "is_causal", False) else reach)


def attend_per_window(
    query: Tensor, key: Tensor, value: Tensor, scale: float, queries: Packing, keys: Packing, reach: Reach = ALL
) -> Tensor:
    """Let each window's queries (1, heads, M, D) attend to the same window's keys (1, heads, N, D); return (1, heads, M, D).

    Args:
        queries, keys: layouts of the two rows.
        reach: how far tokens attend to others. Unless it is `ALL` it needs equal layouts.
    """
    attend = _attend_on_gpu if query.is_cuda else attend_window_by_window
    return attend(query, key, value, scale, queries, keys, reach)


def attend_window_by_window(
    query: Tensor, key: Tensor, value: Tensor, scale: float, queries: Packing, keys: Packing, reach: Reach = ALL
) -> Tensor:
    """`attend_per_window` in a loop over windows, on any device."""
    attention = _unfused_attention if query.dtype == torch.bfloat16 else _fused_attention
    key, value = (states.repeat_interleave(query.shape[1] // states.shape[1], dim=1) for states in (key, value))
    rows = ((query, queries), (key, keys), (value, keys))
    parts = zip(*(states.split(packing.lengths, dim=2) for states, packing in rows), strict=True)
    return torch.cat([attention(q, k, v, scale, keys.band(q.shape[2], reach)) for q, k, v in parts], dim=2)


def _unfused_attention(query: Tensor, key: Tensor, value: Tensor, scale: float, band: Tensor | None) -> Tensor:
    """Vaswani et al. 2017, section 3.2.1. Scales the queries, which are fewer numbers than the products."""
    products = torch.bmm(query[0] * scale, key[0].transpose(1, 2))
    if band is not None:
        products = products.masked_fill(~band, -torch.inf)
    return torch.bmm(torch.softmax(products, dim=-1), value[0]).unsqueeze(0)


def _fused_attention(query: Tensor, key: Tensor, value: Tensor, scale: float, band: Tensor | None) -> Tensor:
    return nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=band, scale=scale)


def _attend_on_gpu(
    query: Tensor, key: Tensor, value: Tensor, scale: float, queries: Packing, keys: Packing, reach: Reach = ALL
) -> Tensor:
    """`attend_per_window` by torch's variable-length attention, in one call."""
    from torch.nn.attention.varlen import varlen_attn

    q, k, v = (states[0].transpose(0, 1).contiguous() for states in (query, key, value))
    longest = queries.longest, keys.longest
    options: dict[str, Any] = {} if reach == ALL else {"window_size": tuple(-1 if distance is None else distance for distance in reach)}
    if q.shape[1] != k.shape[1]:
        options["enable_gqa"] = True
    attended = varlen_attn(q, k, v, queries.cu_seqlens, keys.cu_seqlens, *longest, scale=scale, **options)
    return attended.transpose(0, 1).unsqueeze(0)


def has_sliding_windows(device: torch.device) -> bool:
    """Whether packed attention on this device can have a ``reach``; on a GPU not before torch's variable-length attention had one."""
    if device.type != "cuda":
        return True
    from torch.nn.attention.varlen import varlen_attn

    return "window_size" in signature(varlen_attn).parameters


@contextmanager
def attention_replaced_by(function: AttentionFunction) -> Iterator[None]:
    """In this context, ``function`` computes packed attention from query, key, value (1, heads, N, D), scale and reach."""
    token = _attention_override.set(function)
    try:
        yield
    finally:
        _attention_override.reset(token)


@contextmanager
def packed_attention_in(encoder: nn.Module, packing: Packing) -> Iterator[None]:
    """In this context the encoder uses `packed_attention`; its configuration is restored afterwards."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION_NAME, packed_attention)
    before, token = encoder.config._attn_implementation, _current_packing.set(packing)
    encoder.config._attn_implementation = ATTENTION_NAME
    try:
        yield
    finally:
        encoder.config._attn_implementation = before
        _current_packing.reset(token)


def packed_inputs(encoder: nn.Module, packing: Packing, ids_BT: Tensor, types_BT: Tensor | None) -> dict[str, Tensor]:
    """Return the arguments of the encoder's forward pass; position ids restart in each window."""
    inputs = {
        "input_ids": packing.pack(ids_BT),
        "position_ids": (packing.positions_N + first_position(encoder)).unsqueeze(0),
    }
    return inputs if types_BT is None else {**inputs, "token_type_ids": packing.pack(types_BT)}
