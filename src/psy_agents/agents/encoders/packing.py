"""Packing: an encoder reads windows concatenated into one row, and computes nothing for padding.

B: windows, T: tokens of the longest, N: tokens of all windows, H: hidden size, D: size of an attention head.

Linear layers, norms and activations process each token separately, so windows can be concatenated into a row of N tokens. Only
attention must stay within a window: `packed_attention` replaces the encoder's attention through transformers'
`AttentionInterface`. Encoders with custom attention (DeBERTa, MPNet) or other attention patterns read padded windows.
`can_be_packed` tests each encoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from psy_agents.agents.device import to_device
from psy_agents.agents.encoders.loading import first_position

ATTENTION_NAME = "psy_agents_packed"
SAMPLE_LENGTHS = (7, 3, 5)


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

    def pack(self, padded: Tensor) -> Tensor:
        """(B, T, ...) -> (1, N, ...)."""
        return padded.flatten(0, 1).index_select(0, self.padded_index_N).unsqueeze(0)

    def unpack(self, packed_1NH: Tensor) -> Tensor:
        """(1, N, H) -> (B, T, H), zeros after a window's end."""
        hidden = packed_1NH.shape[-1]
        flat = packed_1NH.new_zeros(len(self.lengths) * self.width, hidden).index_copy(0, self.padded_index_N, packed_1NH[0])
        return flat.view(len(self.lengths), self.width, hidden)


AttentionFunction = Callable[[Tensor, Tensor, Tensor, float], Tensor]

_current_packing: ContextVar[Packing | None] = ContextVar("current_packing", default=None)
_attention_override: ContextVar[AttentionFunction | None] = ContextVar("attention_override", default=None)


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention within each window, with the signature of transformers' attention functions: (1, heads, N, D) -> (1, N, heads, D).

    In bfloat16 on a CPU the products are not fused, because the backward pass of torch's fused kernel is slow there. Forward and
    backward of 16 windows with 12 heads took 31, 56 and 94 ms fused, and 8, 17 and 43 ms unfused, at 48, 96 and 192 tokens on
    one thread. In float32 the fused kernel is as fast, and faster from 192 tokens.

    Raises:
        NotImplementedError: attention weights have dropout, attention is masked, or it has a sliding window.
    """
    packing = _current_packing.get()
    if packing is None or dropout or sliding_window is not None or (attention_mask is not None):
        raise NotImplementedError("Packed attention supports no dropout, no mask and no sliding window.")
    scale = 1 / math.sqrt(query.shape[-1]) if scaling is None else scaling
    override = _attention_override.get()
    attended = override(query, key, value, scale) if override else attend_per_window(query, key, value, scale, packing, packing)
    return attended.transpose(1, 2), None


def attend_per_window(query: Tensor, key: Tensor, value: Tensor, scale: float, queries: Packing, keys: Packing) -> Tensor:
    """Let each window's queries (1, heads, M, D) attend to the same window's keys (1, heads, N, D); return (1, heads, M, D).

    Args:
        queries, keys: layouts of the two rows.
    """
    if query.is_cuda:
        return _varlen_attention(query, key, value, scale, queries, keys)
    attention = _unfused_attention if query.dtype == torch.bfloat16 else _fused_attention
    rows = ((query, queries), (key, keys), (value, keys))
    parts = zip(*(states.split(packing.lengths, dim=2) for states, packing in rows), strict=True)
    return torch.cat([attention(q, k, v, scale) for q, k, v in parts], dim=2)


def _unfused_attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Vaswani et al. 2017, section 3.2.1. Scales the queries, which are fewer numbers than the products."""
    weights = torch.softmax(torch.bmm(query[0] * scale, key[0].transpose(1, 2)), dim=-1)
    return torch.bmm(weights, value[0]).unsqueeze(0)


def _fused_attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    return nn.functional.scaled_dot_product_attention(query, key, value, scale=scale)


def _varlen_attention(query: Tensor, key: Tensor, value: Tensor, scale: float, queries: Packing, keys: Packing) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    q, k, v = (states[0].transpose(0, 1).contiguous() for states in (query, key, value))
    longest = max(queries.lengths), max(keys.lengths)
    return varlen_attn(q, k, v, queries.cu_seqlens, keys.cu_seqlens, *longest, scale=scale).transpose(0, 1).unsqueeze(0)


@contextmanager
def attention_replaced_by(function: AttentionFunction) -> Iterator[None]:
    """In this context, ``function`` computes packed attention from query, key, value (1, heads, N, D) and scale."""
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


def can_be_packed(encoder: nn.Module, device: torch.device, precision: torch.dtype) -> bool:
    """Whether the encoder gives the same states for packed and for padded windows; tested on a few short random windows.

    The GPU's attention for windows of different lengths supports only 16-bit formats.
    """
    if device.type == "cuda" and precision == torch.float32:
        return False
    if not getattr(encoder, "_supports_attention_backend", False) and not getattr(encoder, "_supports_sdpa", False):
        return False
    ids_BT, mask_BT, packing = sample_windows(encoder, device)
    with evaluation_mode(encoder, precision):
        padded_BTH = encoder(input_ids=ids_BT, attention_mask=mask_BT.long()).last_hidden_state
        try:
            with packed_attention_in(encoder, packing):
                packed_1NH = encoder(**packed_inputs(encoder, packing, ids_BT, None)).last_hidden_state
        except (NotImplementedError, TypeError, ValueError, IndexError, RuntimeError):
            return False  # It takes no position ids, or its attention is custom. The caller logs this.
    return nearly_equal(packing.unpack(packed_1NH)[mask_BT], padded_BTH[mask_BT], precision)


def sample_windows(encoder: nn.Module, device: torch.device) -> tuple[Tensor, Tensor, Packing]:
    """Return a few short windows of random tokens: padded ids and mask (B, T), and their packing."""
    padding = encoder.config.pad_token_id or 0
    generator = np.random.default_rng(0)
    ids = generator.integers(padding + 1, encoder.config.vocab_size, (len(SAMPLE_LENGTHS), max(SAMPLE_LENGTHS)))
    mask = np.arange(max(SAMPLE_LENGTHS)) < np.array(SAMPLE_LENGTHS)[:, None]
    ids_BT = torch.from_numpy(np.where(mask, ids, padding)).to(device)
    return ids_BT, torch.from_numpy(mask).to(device), Packing(SAMPLE_LENGTHS, max(SAMPLE_LENGTHS), device)


@contextmanager
def evaluation_mode(encoder: nn.Module, precision: torch.dtype) -> Iterator[None]:
    """In this context the encoder is in evaluation mode, without gradients, in the given precision."""
    training, device = encoder.training, next(encoder.parameters()).device
    encoder.eval()
    try:
        with torch.no_grad(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
            yield
    finally:
        encoder.train(training)


def nearly_equal(actual: Tensor, expected: Tensor, precision: torch.dtype) -> bool:
    """Whether states differ by no more than rounding error in the given precision."""
    tolerance = 1e-4 if precision == torch.float32 else 2e-2
    return bool((actual - expected).float().abs().mean() <= tolerance * expected.float().abs().mean())
