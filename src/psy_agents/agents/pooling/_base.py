"""The base of all poolings. B: windows, T: tokens, H: hidden size."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn


class TokenPooling(nn.Module):
    """Pools token states (B, T, H) into window vectors (B, H) in float32.

    Args:
        hidden: H.
    """

    first_token_only: ClassVar[bool] = False
    """Whether it reads only each window's first token; the encoder's last layer then runs only for that token."""

    def __init__(self, hidden: int) -> None:
        super().__init__()

    def forward(self, states_BTH: Tensor, mask_BT: Tensor) -> Tensor:
        """Return the pooled states; ``mask_BT`` is True on real tokens."""
        raise NotImplementedError
