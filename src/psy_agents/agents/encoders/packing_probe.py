"""Tests whether an encoder gives the same states for packed and for padded windows.

B: windows, T: tokens of the longest, N: tokens of all windows, H: hidden size, D: size of an attention head.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from psy_agents.agents.encoders.loading import max_positions
from psy_agents.agents.encoders.packing import (
    ALL,
    Packing,
    Reach,
    attend_per_window,
    attend_window_by_window,
    attention_replaced_by,
    has_sliding_windows,
    packed_attention_in,
    packed_inputs,
)

SAMPLE_LENGTHS = (7, 3, 5)
HALF = (torch.bfloat16, torch.float16)
OWN_ATTENTION = "its attention cannot run packed"


def why_not_packed(encoder: nn.Module, device: torch.device, precision: torch.dtype) -> str | None:
    """Why the encoder must read padded windows; None if it gives the same states for packed ones.

    A few short random windows decide. For an encoder with sliding windows they are too short, and in bfloat16 a sliding window that
    is one token too wide is lost in rounding. So the kernel in use must attend to all tokens within reach and to no others, and a
    text longer than twice a sliding window must get the same states in float32.
    """
    if device.type == "cuda" and precision == torch.float32:
        return "a GPU's attention for windows of different lengths supports only 16-bit formats"
    if not getattr(encoder, "_supports_attention_backend", False) and not getattr(encoder, "_supports_sdpa", False):
        return OWN_ATTENTION
    padded_NH = _padded_states(encoder, SAMPLE_LENGTHS, device, precision)
    try:
        packed_NH, reaches = _packed_states(encoder, SAMPLE_LENGTHS, device, precision)
        if not nearly_equal(packed_NH, padded_NH, precision):
            return OWN_ATTENTION
        if reaches and not has_sliding_windows(device):
            return f"torch {torch.__version__} has no causal or sliding windows in its attention for windows of different lengths"
        if not all(_attends_within(reach, encoder, device, precision) for reach in reaches):
            return f"packed attention on {device.type} does not keep to its causal or sliding window"
        furthest = max((distance for reach in reaches for distance in reach if distance), default=0)
        if furthest:
            lengths = min(4 * furthest + SAMPLE_LENGTHS[0], max_positions(encoder)), SAMPLE_LENGTHS[-1]
            packed_NH, _ = _packed_states(encoder, lengths, device, torch.float32)
            if not nearly_equal(packed_NH, _padded_states(encoder, lengths, device, torch.float32), torch.float32):
                return "its sliding window is not the one that its layers name"
    except (torch.OutOfMemoryError, torch.AcceleratorError):
        raise  # They say nothing about the encoder.
    except (NotImplementedError, TypeError, ValueError, IndexError, RuntimeError):
        return OWN_ATTENTION  # It takes no position ids, or its attention is custom.
    return None


def _padded_states(encoder: nn.Module, lengths: tuple[int, ...], device: torch.device, precision: torch.dtype) -> Tensor:
    """States of all tokens (N, H) from padded windows."""
    ids_BT, mask_BT, _ = sample_windows(encoder, lengths, device)
    with evaluation_mode(encoder, precision):
        return encoder(input_ids=ids_BT, attention_mask=mask_BT.long()).last_hidden_state[mask_BT]


def _packed_states(encoder: nn.Module, lengths: tuple[int, ...], device: torch.device, precision: torch.dtype) -> tuple[Tensor, set[Reach]]:
    """States of all tokens (N, H) from packed windows, and each kind of reach that is not `ALL`."""
    ids_BT, _, packing = sample_windows(encoder, lengths, device)
    kernel = attend_window_by_window if precision == torch.float32 else attend_per_window  # A GPU's takes no float32.
    reaches: set[Reach] = set()

    def attend(query: Tensor, key: Tensor, value: Tensor, scale: float, reach: Reach) -> Tensor:
        reaches.update(() if reach == ALL else (reach,))
        return kernel(query, key, value, scale, packing, packing, reach)

    with evaluation_mode(encoder, precision), packed_attention_in(encoder, packing), attention_replaced_by(attend):
        return encoder(**packed_inputs(encoder, packing, ids_BT, None)).last_hidden_state[0], reaches


def _attends_within(reach: Reach, encoder: nn.Module, device: torch.device, precision: torch.dtype) -> bool:
    """Whether the kernel gives tokens the mean of the values within reach, where all weights are equal."""
    longest = 4 * max(distance or 0 for distance in reach) + SAMPLE_LENGTHS[0]
    packing = Packing((longest, SAMPLE_LENGTHS[-1]), longest, device)
    heads = encoder.config.num_attention_heads
    shape = 1, heads, sum(packing.lengths), encoder.config.hidden_size // heads
    value = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device, precision)
    nothing = torch.zeros_like(value)
    found = attend_per_window(nothing, nothing, value, 1.0, packing, packing, reach)
    windows, positions = np.repeat(np.arange(len(packing.lengths)), packing.lengths), packing.positions_N
    ahead = positions - positions[:, None]
    near = (ahead >= -(longest if reach.before is None else reach.before)) & (ahead <= (longest if reach.after is None else reach.after))
    near &= torch.from_numpy(windows[:, None] == windows).to(device)
    return nearly_equal(found, (near / near.sum(1, keepdim=True)) @ value.float(), precision)


def sample_windows(encoder: nn.Module, lengths: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor, Packing]:
    """Return windows of random tokens: padded ids and mask (B, T), and their packing."""
    padding = max(0, encoder.config.pad_token_id or 0)  # Some of Llama's say -1.
    ids = np.random.default_rng(0).integers(0, encoder.config.vocab_size - 1, (len(lengths), max(lengths)))
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    ids_BT = torch.from_numpy(np.where(mask, ids + (ids >= padding), padding)).to(device)
    return ids_BT, torch.from_numpy(mask).to(device), Packing(lengths, max(lengths), device)


@contextmanager
def evaluation_mode(encoder: nn.Module, precision: torch.dtype) -> Iterator[None]:
    """In this context the encoder is in evaluation mode, without gradients, in the given precision, and its states are in float32."""
    training, device = encoder.training, next(encoder.parameters()).device
    encoder.eval()
    try:
        autocast = torch.autocast(device.type, precision, enabled=precision != torch.float32)
        with torch.no_grad(), _weights_in_float32(encoder), autocast:
            yield
    finally:
        encoder.train(training)


@contextmanager
def _weights_in_float32(encoder: nn.Module) -> Iterator[None]:
    """In this context weights of 16 bits are in float32 while their own module runs: states are rounded less, without a copy of all."""
    kept: dict[nn.Parameter, Tensor] = {}

    def widen(module: nn.Module, _: object) -> None:
        for weight in module.parameters(recurse=False):
            if weight.dtype in HALF:
                kept[weight] = weight.data
                weight.data = weight.data.float()

    def restore(module: nn.Module, *_: object) -> None:
        for weight in module.parameters(recurse=False):
            if weight in kept:
                weight.data = kept.pop(weight)

    handles = []
    for module in encoder.modules():
        handles += [module.register_forward_pre_hook(widen), module.register_forward_hook(restore, always_call=True)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def nearly_equal(actual: Tensor, expected: Tensor, precision: torch.dtype) -> bool:
    """Whether states differ by no more than rounding error in the given precision."""
    tolerance = 1e-4 if precision == torch.float32 else 2e-2
    return bool((actual - expected).float().abs().mean() <= tolerance * expected.float().abs().mean())
