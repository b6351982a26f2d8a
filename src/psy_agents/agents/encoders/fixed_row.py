"""A row of packed windows whose shapes depend on no value: the windows' lengths are a tensor.

B: windows, N: tokens of the row.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from psy_agents.agents.encoders.packing import Packing


class FixedRow(Packing):
    """A `Packing` of B windows that fill a row of N tokens, for graphs that are captured once and replayed with other lengths.

    Args:
        length_B: tokens of each window, at least 1 and at most ``width``; they sum to N.
        row: N.
        width: width of the padded windows.
    """

    def __init__(self, length_B: Tensor, row: int, width: int) -> None:
        # A dataclass without its fields: `lengths` is read from the tensor, where that is possible.
        vars(self).update(length_B=length_B, row=row, width=width, device=length_B.device)

    @property
    def n_windows(self) -> int:
        return len(self.length_B)

    @property
    def longest(self) -> int:
        """An upper bound: the longest itself is a value on the device."""
        return self.width

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """For a CPU's attention, which runs window by window; on a GPU reading them would wait for it."""
        if self.device.type != "cpu":
            raise RuntimeError("The lengths of a fixed row are on the device.")
        return tuple(self.length_B.tolist())

    @cached_property
    def _window_N(self) -> Tensor:
        return torch.searchsorted(self.cu_seqlens[1:], self._columns_N, right=True)

    @cached_property
    def _columns_N(self) -> Tensor:
        return torch.arange(self.row, dtype=torch.int32, device=self.device)

    @cached_property
    def positions_N(self) -> Tensor:
        return (self._columns_N - self.cu_seqlens[self._window_N]).long()

    @cached_property
    def padded_index_N(self) -> Tensor:
        return self._window_N * self.width + self.positions_N

    @cached_property
    def first_tokens(self) -> FixedRow:
        return FixedRow(torch.ones_like(self.length_B), self.n_windows, 1)

    @cached_property
    def cu_seqlens(self) -> Tensor:
        return F.pad(self.length_B.cumsum(0), (1, 0)).int()
