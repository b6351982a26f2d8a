"""What an agent's model reads. B: windows, T: tokens, H: hidden size."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from psy_agents.agents.encoders.packing import Packing


@dataclass(frozen=True)
class WindowTensors:
    """Padded inputs of B windows.

    Attributes:
        ids_BT: token ids.
        mask_BT: True on real tokens.
        types_BT: token types, or None if the encoder has none.
        answerable_BT: True on the post's tokens and on position 0, the no-answer position.
        sentence_BT: number of the token's sentence, from 0 in each window; -1 outside the post.
        packing: the layout of the windows without padding.
        n_sentences: at least 1, and at least the number of sentences in any window.
        frozen_BTH: states after the encoders' frozen layers; None if the model computes them.
    """

    ids_BT: Tensor
    mask_BT: Tensor
    types_BT: Tensor | None
    answerable_BT: Tensor
    sentence_BT: Tensor
    packing: Packing
    n_sentences: int
    frozen_BTH: Tensor | None = None

    @property
    def post_BT(self) -> Tensor:
        """True on the post's tokens."""
        post_BT = self.answerable_BT.clone()
        post_BT[:, 0] = False
        return post_BT

    @property
    def criterion_BT(self) -> Tensor:
        """True on the criterion's tokens and on the separators after both texts."""
        return self.mask_BT & ~self.answerable_BT

    @property
    def encoder_inputs(self) -> dict[str, Tensor]:
        """Arguments of an encoder's forward pass on padded windows."""
        inputs = {"input_ids": self.ids_BT, "attention_mask": self.mask_BT.long()}
        return inputs if self.types_BT is None else {**inputs, "token_type_ids": self.types_BT}
