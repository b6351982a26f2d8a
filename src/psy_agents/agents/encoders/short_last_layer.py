"""An encoder's last layer where only each window's first token is read: it is run for that token alone.

N: tokens of all windows in one row, B: windows, H: hidden size, D: size of an attention head.

A head that reads the first token (``pooling: cls``) never sees what the last layer makes of the others. They are needed there as
keys and values only, which is 2 of a layer's 12 products of (H, H) matrices a token where the feed-forward part is four times
as wide: in training about four fifths of the last layer are left out, and the first token's state and all gradients are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from psy_agents.agents.encoders.loading import layers_of
from psy_agents.agents.encoders.packing import (
    Packing,
    attend_per_window,
    attention_replaced_by,
    evaluation_mode,
    nearly_equal,
    packed_attention_in,
    packed_inputs,
    sample_windows,
)


class _Reached(Exception):
    """The layer's attention has its keys and values (1, heads, N, D)."""

    def __init__(self, key: Tensor, value: Tensor) -> None:
        self.key, self.value = key, value


class ShortLastLayer:
    """The last layer of an encoder that reads packed windows.

    Its forward method is replaced on the instance and runs the layer's own twice: with all tokens, up to its attention, and with
    the first tokens, which attend to the keys and values found before. So no family's layer has to be known.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self._packing: Packing | None = None
        layer = layers_of(encoder)[-1]
        self._forward = layer.forward
        layer.forward = self._run

    @contextmanager
    def first_tokens_only(self, packing: Packing) -> Iterator[None]:
        """Inside, the encoder's last states are (1, B, H), of each window's first token."""
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

        def attend(query: Tensor, _key: Tensor, _value: Tensor, scale: float) -> Tensor:
            return attend_per_window(query, key, value, scale, packing.first_tokens, packing)

        with attention_replaced_by(attend):
            return self._forward(first_1BH, *args, **kwargs)

    def _keys_and_values(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        def stop(_query: Tensor, key: Tensor, value: Tensor, _scale: float) -> Tensor:
            raise _Reached(key, value)

        try:
            with attention_replaced_by(stop):
                self._forward(*args, **kwargs)
        except _Reached as reached:
            return reached.key, reached.value
        raise RuntimeError("The encoder's last layer did not attend.")


def shorten_last_layer(encoder: nn.Module, device: torch.device, precision: torch.dtype) -> ShortLastLayer | None:
    """Prepare an encoder that can be packed; None, and the encoder as it was, where its last layer cannot be run so."""
    last = ShortLastLayer(encoder)
    if _is_equivalent(encoder, last, device, precision):
        return last
    del layers_of(encoder)[-1].forward
    return None


def _is_equivalent(encoder: nn.Module, last: ShortLastLayer, device: torch.device, precision: torch.dtype) -> bool:
    ids_BT, _, packing = sample_windows(encoder, device)
    inputs = packed_inputs(encoder, packing, ids_BT, None)
    with evaluation_mode(encoder, precision), packed_attention_in(encoder, packing):
        wanted = encoder(**inputs).last_hidden_state[0, packing.cu_seqlens[:-1]]
        try:
            with last.first_tokens_only(packing):
                found = encoder(**inputs).last_hidden_state[0]
        except (TypeError, ValueError, IndexError, RuntimeError):
            return False  # Something in the layer goes by all tokens' places.
    return found.shape == wanted.shape and nearly_equal(found, wanted, precision)
