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
from psy_agents.agents.encoders.fixed_row import FixedRow
from psy_agents.agents.encoders.packing import Packing
from psy_agents.agents.inputs import WindowTensors
from psy_agents.agents.windows import Windows
from psy_agents.training.data import PairData
from psy_agents.training.step.buckets import Bucket, Buckets, batch_index


@dataclass(frozen=True)
class FrozenStates:
    """Token states of all windows of a split after frozen layers, one row per token, in the order of `Windows.ids`.

    Attributes:
        seconds_per_token: in which they were computed, median over batches.
    """

    depth: int
    states_NH: Tensor
    seconds_per_token: float = 0.0

    def take(self, at_BT: Tensor) -> Tensor:
        """The states of the tokens at these places (B, T, H), zeros for a dummy window's and after a window's end."""
        n = len(self.states_NH)
        return self.states_NH[at_BT.clamp_max(n - 1)] * (at_BT < n).unsqueeze(-1)


class WindowTables:
    """Windows on a device, ready to be taken in batches.

    The tables hold a *dummy* window after the split's windows, a single position 0, which fills batches to fixed shapes; and last a
    *blank* token, which stands after the end of every window: padding, outside all texts.

    Args:
        room: windows and tokens that `replace` may put there; at least what ``windows`` has.

    Attributes:
        windows: the windows, on the host.
        lengths, n_sentences: (W) tokens and sentences in each window, on the host.
    """

    def __init__(self, windows: Windows, pad_id: int, device: torch.device, room: tuple[int, int] = (0, 0)) -> None:
        self.device, self._pad_id = device, pad_id
        self._windows_room, tokens_room = max(room[0], len(windows.pair)), max(room[1], len(windows.ids))
        self._blank = tokens_room + 1
        first_W, length_W, tokens = self._hold(windows)
        self._first_W, self._length_W = (
            to_device(_filled(values, 0, self._windows_room + 1), device, torch.long) for values in (first_W, length_W)
        )
        self._tokens = {name: self.token_table(*column) for name, column in tokens.items()}

    def _hold(self, windows: Windows) -> tuple[np.ndarray, np.ndarray, dict[str, tuple[np.ndarray, int, int]]]:
        """First tokens and lengths of the windows and of the dummy, and by name each token's value, the dummy's and the blank's."""
        self.windows, self.lengths = windows, windows.lengths
        numbers = sentence_numbers(windows)
        self.n_sentences = 1 + np.maximum.reduceat(numbers, windows.first[:-1])
        answerable = windows.starts >= 0
        answerable[windows.first[:-1]] = True
        tokens = {"ids": (windows.ids, self._pad_id, self._pad_id), "answerable": (answerable, 1, 0), "sentence": (numbers, -1, -1)}
        if windows.types is not None:
            tokens["types"] = windows.types, 0, 0
        return windows.first, np.append(self.lengths, 1), tokens

    def has_room(self, windows: Windows) -> bool:
        """Whether `replace` can put these windows there."""
        return len(windows.pair) <= self._windows_room and len(windows.ids) < self._blank

    def replace(self, windows: Windows) -> None:
        """Hold these windows from now on, in the same tensors: a graph that reads them reads these windows."""
        first_W, length_W, tokens = self._hold(windows)
        tables = [(self._first_W, first_W), (self._length_W, length_W)]
        # What lies between the dummy and the blank token is of earlier windows, and no window's.
        tables += [(self._tokens[name], _filled(values, dummy, len(values) + 1)) for name, (values, dummy, _) in tokens.items()]
        for table, values in tables:
            table[: len(values)].copy_(to_device(values, self.device))

    @property
    def dummy(self) -> int:
        """Number of the dummy window."""
        return len(self.lengths)

    def token_table(self, values_N: np.ndarray, dummy: int | bool, blank: int | bool) -> Tensor:
        """A value for each token, then the dummy window's and the blank token's, on the device."""
        return to_device(_filled(_filled(values_N, dummy, len(values_N) + 1), blank, self._blank + 1), self.device)

    def places(self, window_B: Tensor, width: int) -> Tensor:
        """Each token's place in the token tables (B, T); the blank token's after a window's end."""
        columns = torch.arange(width, device=self.device)
        inside_BT = columns < self._length_W[window_B].unsqueeze(1)
        return torch.where(inside_BT, self._first_W[window_B].unsqueeze(1) + columns, self._blank)

    def gather(
        self, at_BT: Tensor, mask_BT: Tensor, packing: Packing, n_sentences: int, frozen: FrozenStates | None = None
    ) -> WindowTensors:
        """The input of an agent, by tensor operations whose shapes depend on no value.

        Args:
            at_BT: from `places`.
            mask_BT: True on each window's tokens.
            packing: the layout of the windows without padding.
            n_sentences: at least 1, and at least the number of sentences in any window.
            frozen: the states of all windows after frozen layers.
        """
        return WindowTensors(
            ids_BT=self._tokens["ids"][at_BT].long(),
            mask_BT=mask_BT,
            types_BT=self._tokens["types"][at_BT].long() if "types" in self._tokens else None,
            answerable_BT=self._tokens["answerable"][at_BT],
            sentence_BT=self._tokens["sentence"][at_BT].long(),
            packing=packing,
            n_sentences=n_sentences,
            frozen_BTH=None if frozen is None else frozen.take(at_BT),
        )

    def take(self, chosen: np.ndarray, frozen: FrozenStates | None = None) -> WindowTensors:
        """The chosen windows as the input of an agent, padded to the longest."""
        return self._take(chosen, frozen)[0]

    def take_fixed(self, index: Tensor, bucket: Bucket, frozen: FrozenStates | None = None) -> WindowTensors:
        """A batch of windows that fills its bucket.

        Args:
            index: from `buckets.batch_index`, on the device.
        """
        return self._take_fixed(index, bucket, frozen)[0]

    def _take(self, chosen: np.ndarray, frozen: FrozenStates | None) -> tuple[WindowTensors, Tensor]:
        lengths = self.lengths[chosen]
        packing = Packing(tuple(lengths.tolist()), int(lengths.max()), self.device)
        at_BT = self.places(to_device(chosen, self.device, torch.long), packing.width)
        n_sentences = max(1, int(self.n_sentences[chosen].max()))
        return self.gather(at_BT, at_BT < self._blank, packing, n_sentences, frozen), at_BT

    def _take_fixed(self, index: Tensor, bucket: Bucket, frozen: FrozenStates | None) -> tuple[WindowTensors, Tensor]:
        window_B, length_B, _, _ = index.split(bucket.sizes)
        at_BT = self.places(window_B, bucket.width)
        mask_BT = torch.arange(bucket.width, device=self.device) < length_B.unsqueeze(1)
        row = bucket.row
        packing = Packing((), bucket.width, self.device) if row is None else FixedRow(length_B, row, bucket.width)
        return self.gather(at_BT, mask_BT, packing, bucket.sentences, frozen), at_BT


@dataclass(frozen=True)
class Batch:
    """Windows of P whole pairs with their targets.

    Attributes:
        windows: inputs of B windows.
        pair_B: which of the P pairs each window belongs to.
        labels_P: 1 where the criterion is met; -1 for a dummy pair.
        start_targets_BT, end_targets_BT: True on gold starts (ends), or on position 0 if there are none.
        known_B: 0 if the pair's evidence is unknown, or a dummy pair's; its windows have no span loss.
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
        self._start_N, self._end_N = self.token_table(starts, True, False), self.token_table(ends, True, False)
        self._known_on_host = data.known
        self._labels = to_device(np.append(data.labels, -1), device, torch.long)
        self._known = to_device(np.append(data.known, False), device, torch.float32)

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
        windows, at_BT = self._take(self.windows_of(pairs), frozen)
        pair_B, pair_P = (to_device(numbers, self.device, torch.long) for numbers in (self._pair_of_windows(pairs), pairs))
        return self._batch(windows, at_BT, pair_B, pair_P)

    def index(self, pairs: np.ndarray, micro_batch: int, buckets: Buckets) -> tuple[np.ndarray, Bucket]:
        """The index of a micro-batch, on the host, and its bucket."""
        chosen = self.windows_of(pairs)
        bucket = buckets.of_pairs(self.lengths[chosen], len(pairs), micro_batch)
        dummies = self.dummy, len(self._labels) - 1
        return batch_index(bucket, chosen, self.lengths[chosen], self._pair_of_windows(pairs), pairs, dummies), bucket

    def fixed_batch(self, index: Tensor, bucket: Bucket, frozen: FrozenStates | None = None) -> Batch:
        """The batch of an index on the device, by tensor operations whose shapes depend on no value."""
        windows, at_BT = self._take_fixed(index, bucket, frozen)
        _, _, pair_B, pair_P = index.split(bucket.sizes)
        return self._batch(windows, at_BT, pair_B, pair_P)

    def _pair_of_windows(self, pairs: np.ndarray) -> np.ndarray:
        return np.repeat(np.arange(len(pairs)), self.first_window[pairs + 1] - self.first_window[pairs])

    def _batch(self, windows: WindowTensors, at_BT: Tensor, pair_B: Tensor, pair_P: Tensor) -> Batch:
        return Batch(
            windows=windows,
            pair_B=pair_B,
            labels_P=self._labels[pair_P],
            start_targets_BT=self._start_N[at_BT],
            end_targets_BT=self._end_N[at_BT],
            known_B=self._known[pair_P][pair_B],
        )


def _filled(values: np.ndarray, filling: int | bool, size: int) -> np.ndarray:
    return np.append(values, np.full(size - len(values), filling, dtype=values.dtype))


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
