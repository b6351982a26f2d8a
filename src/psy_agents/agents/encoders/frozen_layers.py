"""An encoder's frozen lowest layers. Their states for a window never change, so they are computed once.

B: windows, T: tokens, H: hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from psy_agents.agents.encoders.loading import layers_of


class _FrozenLayersDone(Exception):
    """Ends a forward pass after the frozen layers; holds their states."""

    def __init__(self, states_BTH: Tensor) -> None:
        self.states_BTH = states_BTH


class FrozenLayers:
    """The embeddings and the lowest ``depth`` layers of an encoder, which can run alone or be skipped.

    Each layer's forward method is wrapped on the instance. The encoder's forward pass, the names of its weights and its saved
    form do not change, for any family of encoders. Frozen layers have no dropout: a window has the same states after them in
    every epoch, and no gradient passes through them that noise could regularise.
    """

    def __init__(self, encoder: nn.Module, depth: int) -> None:
        self.depth = depth
        self._encoder = encoder
        self._resume_from: tuple[int, Tensor] | None = None
        self._stop_after_frozen = False
        self._returns_tuple = False
        self._can_be_skipped: bool | None = None
        for number, layer in enumerate(layers_of(encoder)[:depth], start=1):
            layer.forward = self._wrapped(layer.forward, number)

    def run(self, inputs: dict[str, Tensor], below: tuple[int, Tensor] | None = None) -> Tensor:
        """Return the states after the frozen layers (B, T, H).

        Args:
            inputs: arguments of the encoder's forward pass.
            below: a smaller depth and the states after it; the pass resumes from them.
        """
        self._stop_after_frozen, self._resume_from = True, below
        try:
            self._encoder(**inputs)
        except _FrozenLayersDone as done:
            return done.states_BTH
        finally:
            self._stop_after_frozen, self._resume_from = False, None
        raise RuntimeError("The encoder's forward pass did not run its frozen layers.")

    @contextmanager
    def skipped(self, states_BTH: Tensor) -> Iterator[None]:
        """In this context the encoder skips its frozen layers and resumes from these states."""
        self._resume_from = self.depth, states_BTH
        try:
            yield
        finally:
            self._resume_from = None

    def can_be_skipped(self, inputs: dict[str, Tensor]) -> bool:
        """Whether the encoder that resumes from the frozen layers' states gives the same states as the whole encoder.

        It does not if the family computes something between its layers, such as the convolution of DeBERTa-v2's largest models.
        Call it in evaluation mode and before the layers are skipped. It runs once; later calls return the first result.
        """
        if self._can_be_skipped is None:
            states_BTH = self.run(inputs)
            with self.skipped(states_BTH):
                resumed_BTH = self._encoder(**inputs).last_hidden_state
            whole_BTH = self._encoder(**inputs).last_hidden_state
            real_BT1 = inputs["attention_mask"].bool().unsqueeze(-1)
            self._can_be_skipped = torch.allclose(resumed_BTH * real_BT1, whole_BTH * real_BT1, rtol=1e-3, atol=1e-4)
        return self._can_be_skipped

    def set_eval_mode(self) -> None:
        """Put every module whose weights are all frozen into evaluation mode."""
        _evaluate_frozen(self._encoder)

    def _wrapped(self, forward: Callable, number: int) -> Callable:
        def run(*args: Any, **kwargs: Any) -> Any:
            if self._resume_from is not None and number <= self._resume_from[0]:
                output = (self._resume_from[1], None) if self._returns_tuple else self._resume_from[1]
            else:
                output = forward(*args, **kwargs)
                self._returns_tuple = isinstance(output, tuple)
            if self._stop_after_frozen and number == self.depth:
                raise _FrozenLayersDone(output[0] if isinstance(output, tuple) else output)
            return output

        return run


def _evaluate_frozen(module: nn.Module) -> None:
    for child in module.children():
        weights = list(child.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            child.eval()
        else:
            _evaluate_frozen(child)
