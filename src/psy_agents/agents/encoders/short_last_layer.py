"""A short last layer: it computes only the first token of each window.

N: tokens of all windows in one row, B: windows, H: hidden size, D: size of an attention head.

A head that reads the first token (``pooling: cls``) does not use the last layer's states of other tokens. The last layer needs
only their keys and values: 2 of its 12 (H, H) matrix products per token, if its feed-forward part is four times as wide. Training
skips about four fifths of the last layer's work. The first token's state and all gradients stay the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from psy_agents.agents.encoders.loading import layers_of
from psy_agents.agents.encoders.packing import (
    ALL,
    Packing,
    Reach,
    attend_per_window,
    attention_replaced_by,
    packed_attention_in,
    packed_inputs,
)
from psy_agents.agents.encoders.packing_probe import SAMPLE_LENGTHS, evaluation_mode, nearly_equal, sample_windows


class _AttentionReached(Exception):
    """Ends a layer's forward pass at its attention; holds the keys and values (1, heads, N, D)."""

    def __init__(self, key: Tensor, value: Tensor) -> None:
        self.key, self.value = key, value


class ShortLastLayer:
    """Wraps the last layer of an encoder that reads packed windows.

    The wrapper replaces the layer's forward method on the instance and calls the original twice: with all tokens, up to the
    attention, for the keys and values; then with the first tokens, which attend to them. It works for any family of encoders.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self._packing: Packing | None = None
        layer = layers_of(encoder)[-1]
        self._forward = layer.forward
        layer.forward = self._run

    @contextmanager
    def first_tokens_only(self, packing: Packing) -> Iterator[None]:
        """In this context the encoder's last states are those of each window's first token (1, B, H)."""
        self._packing = packing
        try:
            yield
        finally:
            self._packing = None

    def _run(self, states_1NH: Tensor, *args: Any, **kwargs: Any) -> Any:
        packing = self._packing
        if packing is None:
            return self._forward(states_1NH, *args, **kwargs)
        key, value = self._keys_and_values(states_1NH, *args, **kwargs)
        first_1BH = states_1NH.index_select(1, packing.cu_seqlens[:-1])

        def attend(query: Tensor, _key: Tensor, _value: Tensor, scale: float, reach: Reach) -> Tensor:
            if reach != ALL:
                raise NotImplementedError("The first tokens' row has not the positions that causal attention or a sliding window needs.")
            return attend_per_window(query, key, value, scale, packing.first_tokens, packing)

        with attention_replaced_by(attend):
            return self._forward(first_1BH, *args, **kwargs)

    def _keys_and_values(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        def stop(_query: Tensor, key: Tensor, value: Tensor, _scale: float, _reach: Reach) -> Tensor:
            raise _AttentionReached(key, value)

        try:
            with attention_replaced_by(stop):
                self._forward(*args, **kwargs)
        except _AttentionReached as reached:
            return reached.key, reached.value
        raise RuntimeError("The encoder's last layer did not call its attention.")


def shorten_last_layer(encoder: nn.Module, device: torch.device, precision: torch.dtype) -> ShortLastLayer | None:
    """Shorten the last layer of a packed encoder; None, with the encoder unchanged, if its first tokens get other states."""
    last = ShortLastLayer(encoder)
    if _is_equivalent(encoder, last, device, precision):
        return last
    del layers_of(encoder)[-1].forward
    return None


def _is_equivalent(encoder: nn.Module, last: ShortLastLayer, device: torch.device, precision: torch.dtype) -> bool:
    ids_BT, _, packing = sample_windows(encoder, SAMPLE_LENGTHS, device)
    inputs = packed_inputs(encoder, packing, ids_BT, None)
    with evaluation_mode(encoder, precision), packed_attention_in(encoder, packing):
        expected = encoder(**inputs).last_hidden_state[0, packing.cu_seqlens[:-1]]
        try:
            with last.first_tokens_only(packing):
                actual = encoder(**inputs).last_hidden_state[0]
        except (TypeError, ValueError, IndexError, RuntimeError):
            return False  # The layer uses the positions of all tokens.
    return actual.shape == expected.shape and nearly_equal(actual, expected, precision)
