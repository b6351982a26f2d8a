"""An encoder's frozen lowest layers: what they give for a window never changes, so it is computed once.

B: windows, T: tokens, H: hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from psy_agents.agents.encoders.loading import layers_of


class _Reached(Exception):
    """The frozen layers are done; the rest of the forward pass is not wanted."""

    def __init__(self, states_BTH: Tensor) -> None:
        self.states_BTH = states_BTH


class FrozenLayers:
    """The embeddings and the lowest ``depth`` layers of an encoder, which can be run alone or be left out.

    Each layer's forward method is replaced on the instance, so the encoder's own forward pass, its weights' names
    and its saving stay as they are, whatever the family. Frozen layers never have dropout: a window's states
    after them are the same in every epoch, and no gradient passes that noise could regularise.
    """

    def __init__(self, encoder: nn.Module, depth: int) -> None:
        self.depth = depth
        self._encoder = encoder
        self._given: tuple[int, Tensor] | None = None
        self._alone = False
        self._in_tuple = False
        self._resumes: bool | None = None
        for number, layer in enumerate(layers_of(encoder)[:depth], start=1):
            layer.forward = self._replaced(layer.forward, number)

    def run(self, inputs: dict[str, Tensor], below: tuple[int, Tensor] | None = None) -> Tensor:
        """Return the states after the frozen layers (B, T, H).

        Args:
            inputs: of the encoder's forward pass.
            below: a smaller depth and the states after it, from which to go on.
        """
        self._alone, self._given = True, below
        try:
            self._encoder(**inputs)
        except _Reached as reached:
            return reached.states_BTH
        finally:
            self._alone, self._given = False, None
        raise RuntimeError("The encoder's forward pass did not go through its frozen layers.")

    @contextmanager
    def skipped(self, states_BTH: Tensor) -> Iterator[None]:
        """Inside, the encoder goes on from these states."""
        self._given = self.depth, states_BTH
        try:
            yield
        finally:
            self._given = None

    def can_be_skipped(self, inputs: dict[str, Tensor]) -> bool:
        """Whether going on from the frozen layers' states gives what the whole encoder gives for these inputs.

        It does not where a family does something between its layers, such as the convolution of DeBERTa-v2's
        largest models. To be asked in evaluation mode; an instance finds out once, which also shows it the layers' form.
        """
        if self._resumes is None:
            states_BTH = self.run(inputs)
            with self.skipped(states_BTH):
                resumed_BTH = self._encoder(**inputs).last_hidden_state
            whole_BTH = self._encoder(**inputs).last_hidden_state
            real_BT1 = inputs["attention_mask"].bool().unsqueeze(-1)
            self._resumes = torch.allclose(resumed_BTH * real_BT1, whole_BTH * real_BT1, rtol=1e-3, atol=1e-4)
        return self._resumes

    def set_eval_mode(self) -> None:
        """Put every part that has nothing but frozen weights into evaluation mode."""
        _evaluate_frozen(self._encoder)

    def _replaced(self, forward: Callable, number: int) -> Callable:
        def run(*args: Any, **kwargs: Any) -> Any:
            if self._given is not None and number <= self._given[0]:
                output = (self._given[1], None) if self._in_tuple else self._given[1]
            else:
                output = forward(*args, **kwargs)
                self._in_tuple = isinstance(output, tuple)
            if self._alone and number == self.depth:
                raise _Reached(output[0] if isinstance(output, tuple) else output)
            return output

        return run


def _evaluate_frozen(module: nn.Module) -> None:
    for child in module.children():
        weights = list(child.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            child.eval()
        else:
            _evaluate_frozen(child)
