"""The pairs of an epoch, their batches and their tensors. B: windows, T: tokens, P: pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from psy_agents.agents.device import to_device
from psy_agents.agents.inputs import WindowTensors
from psy_agents.agents.windows import Windows
from psy_agents.training.data import PairData

BUCKET_BATCHES = 16  # batches of similar length are cut from buckets of this many batches of random pairs


def epoch_pairs(data: PairData, negative_ratio: float, generator: np.random.Generator) -> np.ndarray:
    """Return this epoch's pairs: all annotated ones, and a fresh draw of implicit negatives.

    The draw has ``negative_ratio`` implicit negatives per positive pair, or all of them if there are fewer.
    """
    annotated = np.flatnonzero(~data.implicit)
    implicit = np.flatnonzero(data.implicit)
    wanted = min(len(implicit), round(negative_ratio * int(data.labels.sum())))
    return np.concatenate([annotated, generator.choice(implicit, wanted, replace=False)])


def bucketed_batches(pairs: np.ndarray, lengths: np.ndarray, batch_size: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Shuffle pairs and cut batches of similar length.

    Pairs are shuffled, sorted by length only within buckets of ``BUCKET_BATCHES`` batches, and the batches
    are shuffled again: padding stays small, and a pair shares batches with many others.
    """
    shuffled = generator.permutation(pairs)
    batches = []
    for begin in range(0, len(shuffled), batch_size * BUCKET_BATCHES):
        bucket = shuffled[begin : begin + batch_size * BUCKET_BATCHES]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        batches += [bucket[i : i + batch_size] for i in range(0, len(bucket), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def token_budget_batches(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Cut windows, longest first, into batches of at most ``budget`` padded tokens (at least one window)."""
    order = np.argsort(-lengths, kind="stable")
    begin = 0
    while begin < len(order):
        size = max(1, budget // int(lengths[order[begin]]))
        yield order[begin : begin + size]
        begin += size


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


def padded_indices(windows: Windows, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the chosen windows' tokens, padded to the longest of them.

    Returns:
        mask (B, T) True on real tokens, and each token's index in the flat arrays of `Windows` (B, T), 0 after
        a window's end.
    """
    lengths = windows.lengths[chosen]
    columns = np.arange(int(lengths.max()))
    mask = columns < lengths[:, None]
    return mask, np.where(mask, windows.first[chosen][:, None] + columns, 0)


def window_tensors(
    windows: Windows, chosen: np.ndarray, pad_id: int, device: torch.device, frozen_BTH: Tensor | None = None
) -> WindowTensors:
    """Return the chosen windows as the input of an agent."""
    mask, at = padded_indices(windows, chosen)
    answerable = mask & (windows.starts[at] >= 0)
    answerable[:, 0] = True
    sentence = np.where(mask, sentence_numbers(windows.sentence_starts[at]), -1)
    types = None if windows.types is None else to_device(np.where(mask, windows.types[at], 0), device, torch.long)
    return WindowTensors(
        ids_BT=to_device(np.where(mask, windows.ids[at], pad_id), device, torch.long),
        mask_BT=to_device(mask, device, torch.bool),
        types_BT=types,
        answerable_BT=to_device(answerable, device, torch.bool),
        sentence_BT=to_device(sentence, device, torch.long),
        lengths=tuple(windows.lengths[chosen].tolist()),
        n_sentences=max(1, int(sentence.max()) + 1),
        frozen_BTH=frozen_BTH,
    )


def sentence_numbers(sentence_starts_BT: np.ndarray) -> np.ndarray:
    """Number each window's sentences from 0, token by token (B, T); -1 outside sentences."""
    opens = np.diff(sentence_starts_BT, axis=1, prepend=-1) != 0
    numbers = np.cumsum(opens & (sentence_starts_BT >= 0), axis=1) - 1
    return np.where(sentence_starts_BT >= 0, numbers, -1)


def span_targets(windows: Windows, data: PairData, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return start and end targets (B, T). A span that a window cuts is a target up to the cut."""
    width = int(windows.lengths[chosen].max())
    starts = np.zeros((len(chosen), width), dtype=bool)
    ends = np.zeros_like(starts)
    for row, window in enumerate(chosen):
        inside = slice(windows.first[window], windows.first[window + 1])
        token_starts, token_ends = windows.starts[inside], windows.ends[inside]
        for span_start, span_end in data.spans[windows.pair[window]]:
            covered = np.flatnonzero((token_starts >= 0) & (token_ends > span_start) & (token_starts < span_end))
            if len(covered):
                starts[row, covered[0]] = True
                ends[row, covered[-1]] = True
        if not starts[row].any():
            starts[row, 0] = ends[row, 0] = True
    return starts, ends


def windows_of(windows: Windows, pairs: np.ndarray) -> np.ndarray:
    """Return the windows of the given pairs, pair by pair."""
    first = windows.pair_bounds()
    return np.concatenate([np.arange(first[p], first[p + 1]) for p in pairs])


def training_batch(
    windows: Windows,
    data: PairData,
    pairs: np.ndarray,
    pad_id: int,
    device: torch.device,
    frozen_BTH: Tensor | None = None,
) -> Batch:
    """Collect all windows of the given pairs; ``frozen_BTH`` are those windows' states after frozen layers."""
    first = windows.pair_bounds()
    chosen = windows_of(windows, pairs)
    local = np.repeat(np.arange(len(pairs)), first[pairs + 1] - first[pairs])
    starts, ends = span_targets(windows, data, chosen)
    return Batch(
        windows=window_tensors(windows, chosen, pad_id, device, frozen_BTH),
        pair_B=to_device(local, device, torch.long),
        labels_P=to_device(data.labels[pairs], device, torch.long),
        start_targets_BT=to_device(starts, device, torch.bool),
        end_targets_BT=to_device(ends, device, torch.bool),
        known_B=to_device(data.known[pairs][local], device, torch.float32),
    )
