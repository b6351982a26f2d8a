"""The windows and pairs of a split as tables on a device. A batch is an index into them.

W: windows, N: tokens of all windows, B: windows of a batch, T: tokens of its longest, P: its pairs, H: hidden size.

The tables are made once a worker. A training step copies the numbers of its windows and pairs to the device; everything else that
it reads is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from psy_agents.agents.device import to_device
from psy_agents.agents.inputs import WindowTensors
from psy_agents.agents.windows import Windows
from psy_agents.training.data import PairData


@dataclass(frozen=True)
class FrozenStates:
    """Token states of all windows of a split, one row per token, in the order of `Windows.ids`."""

    depth: int
    states_NH: Tensor

    def take(self, at_BT: Tensor, mask_BT: Tensor) -> Tensor:
        """The states of the tokens in these rows (B, T, H), zeros where the mask is False."""
        return self.states_NH[at_BT.clamp_max(len(self.states_NH) - 1)] * mask_BT.unsqueeze(-1)


class WindowTables:
    """Windows on a device, ready to be taken in batches.

    Each table of tokens ends with a *blank* token, which stands after the end of every window: padding, outside all texts.

    Attributes:
        windows: the windows, on the host.
        lengths, n_sentences: (W) tokens and sentences in each window, on the host.
    """

    def __init__(self, windows: Windows, pad_id: int, device: torch.device) -> None:
        self.windows, self.device = windows, device
        self.lengths = windows.lengths
        numbers = sentence_numbers(windows)
        self.n_sentences = 1 + np.maximum.reduceat(numbers, windows.first[:-1])
        answerable = windows.starts >= 0
        answerable[windows.first[:-1]] = True
        self._first_W = to_device(windows.first[:-1], device, torch.long)
        self._length_W = to_device(self.lengths, device, torch.long)
        self._ids_N = self.token_table(windows.ids, pad_id)
        self._types_N = None if windows.types is None else self.token_table(windows.types, 0)
        self._answerable_N = self.token_table(answerable, False)
        self._sentence_N = self.token_table(numbers, -1)

    def token_table(self, values_N: np.ndarray, blank: int | bool) -> Tensor:
        """A value for each token, and the blank token's, on the device."""
        return to_device(np.append(values_N, np.array(blank, dtype=values_N.dtype)), self.device)

    def places(self, window_B: Tensor, width: int) -> Tensor:
        """Each token's place in the token tables (B, T); the blank token's after a window's end."""
        columns = torch.arange(width, device=self.device)
        inside_BT = columns < self._length_W[window_B].unsqueeze(1)
        return torch.where(inside_BT, self._first_W[window_B].unsqueeze(1) + columns, len(self._ids_N) - 1)

    def gather(
        self, at_BT: Tensor, lengths: tuple[int, ...], n_sentences: int, frozen: FrozenStates | None = None
    ) -> WindowTensors:
        """The input of an agent, by tensor operations whose shapes depend on no value.

        Args:
            at_BT: from `places`.
            lengths: tokens of each window.
            n_sentences: at least 1, and at least the number of sentences in any window.
            frozen: the states of all windows after frozen layers.
        """
        mask_BT = at_BT < len(self._ids_N) - 1
        return WindowTensors(
            ids_BT=self._ids_N[at_BT].long(),
            mask_BT=mask_BT,
            types_BT=None if self._types_N is None else self._types_N[at_BT].long(),
            answerable_BT=self._answerable_N[at_BT],
            sentence_BT=self._sentence_N[at_BT].long(),
            lengths=lengths,
            n_sentences=n_sentences,
            frozen_BTH=None if frozen is None else frozen.take(at_BT, mask_BT),
        )

    def take(self, chosen: np.ndarray, frozen: FrozenStates | None = None) -> WindowTensors:
        """The chosen windows as the input of an agent, padded to the longest."""
        return self.gather(self._places_of(chosen), *self._shape_of(chosen), frozen)

    def _places_of(self, chosen: np.ndarray) -> Tensor:
        return self.places(to_device(chosen, self.device, torch.long), int(self.lengths[chosen].max()))

    def _shape_of(self, chosen: np.ndarray) -> tuple[tuple[int, ...], int]:
        return tuple(self.lengths[chosen].tolist()), max(1, int(self.n_sentences[chosen].max()))


@dataclass(frozen=True)
class Batch:
    """Windows of P whole pairs with their targets.

    Attributes:
        windows: inputs of B windows.
        pair_B: which of the P pairs each window belongs to.
        labels_P: 1 where the criterion is met.
        start_targets_BT, end_targets_BT: True on gold starts (ends), or on position 0 if there are none.
        known_B: 0 if the pair's evidence is unknown; its windows have no span loss.
    """

    windows: WindowTensors
    pair_B: Tensor
    labels_P: Tensor
    start_targets_BT: Tensor
    end_targets_BT: Tensor
    known_B: Tensor


class TrainingTables(WindowTables):
    """The windows of labelled pairs with their targets.

    Attributes:
        first_window: (number of pairs + 1) each pair's first window, on the host.
    """

    def __init__(self, windows: Windows, data: PairData, pad_id: int, device: torch.device) -> None:
        super().__init__(windows, pad_id, device)
        self.first_window = windows.pair_bounds()
        starts, ends = span_targets(windows, data)
        self._start_N, self._end_N = self.token_table(starts, False), self.token_table(ends, False)
        self._labels = to_device(np.array(data.labels), device, torch.long)
        self._known_on_host = data.known
        self._known = to_device(np.array(data.known), device, torch.float32)

    def n_known_windows(self, pairs: np.ndarray) -> int:
        """Number of windows of those pairs whose evidence is known."""
        known = pairs[self._known_on_host[pairs]]
        return int((self.first_window[known + 1] - self.first_window[known]).sum())

    def windows_of(self, pairs: np.ndarray) -> np.ndarray:
        """The pairs' windows, pair by pair."""
        first = self.first_window[pairs]
        counts = self.first_window[pairs + 1] - first
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(first, counts) + within

    def batch(self, pairs: np.ndarray, frozen: FrozenStates | None = None) -> Batch:
        """All windows of the given pairs; ``frozen`` are the states of all windows after frozen layers."""
        chosen = self.windows_of(pairs)
        local = np.repeat(np.arange(len(pairs)), self.first_window[pairs + 1] - self.first_window[pairs])
        pair_B, pairs_P = (to_device(numbers, self.device, torch.long) for numbers in (local, pairs))
        at_BT = self._places_of(chosen)
        return Batch(
            windows=self.gather(at_BT, *self._shape_of(chosen), frozen),
            pair_B=pair_B,
            labels_P=self._labels[pairs_P],
            start_targets_BT=self._start_N[at_BT],
            end_targets_BT=self._end_N[at_BT],
            known_B=self._known[pairs_P][pair_B],
        )


def sentence_numbers(windows: Windows) -> np.ndarray:
    """(N) The number of each token's sentence, from 0 in each window; -1 outside sentences."""
    inside, at_first = windows.sentence_starts >= 0, np.zeros(len(windows.ids), dtype=bool)
    at_first[windows.first[:-1]] = True
    opens = inside & (at_first | (np.diff(windows.sentence_starts, prepend=-1) != 0))
    opened = np.cumsum(opens)
    before = np.repeat(opened[windows.first[:-1]] - opens[windows.first[:-1]], windows.lengths)
    return np.where(inside, opened - before - 1, -1).astype(np.int16)


def span_targets(windows: Windows, data: PairData) -> tuple[np.ndarray, np.ndarray]:
    """(N, N) True on each window's gold starts and ends, or on its first token if it has none.

    A span that a window cuts is a target up to the cut.
    """
    starts, ends = np.zeros((2, len(windows.ids)), dtype=bool)
    first_window = windows.pair_bounds()
    for pair in np.flatnonzero([len(spans) > 0 for spans in data.spans]):
        for window in range(first_window[pair], first_window[pair + 1]):
            first = windows.first[window]
            inside = slice(first, windows.first[window + 1])
            token_starts, token_ends = windows.starts[inside], windows.ends[inside]
            for span_start, span_end in data.spans[pair]:
                covered = np.flatnonzero((token_starts >= 0) & (token_ends > span_start) & (token_starts < span_end))
                if len(covered):
                    starts[first + covered[0]] = ends[first + covered[-1]] = True
    empty = windows.first[:-1][~np.maximum.reduceat(starts, windows.first[:-1])]
    starts[empty] = ends[empty] = True
    return starts, ends
