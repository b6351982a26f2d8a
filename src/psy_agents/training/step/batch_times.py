"""What prediction takes: the seconds of a token, from the evaluations that a training run makes anyway."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import torch


def now(device: torch.device) -> float:
    """Seconds of a clock, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class BatchTimes:
    """Times the batches of evaluations while they run.

    Args:
        lengths: (W) tokens of each window.
    """

    def __init__(self, lengths: np.ndarray, device: torch.device) -> None:
        self._lengths, self._device = lengths, device
        self._evaluations: list[list[float]] = []

    def of(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The batches of an evaluation: windows of each. A batch lasts until the next one is asked for."""
        seconds: list[float] = []
        self._evaluations.append(seconds)
        for chosen in batches:
            begin = now(self._device)
            yield chosen
            seconds.append((now(self._device) - begin) / int(self._lengths[chosen].sum()))

    @property
    def seconds_per_token(self) -> float:
        """Median over the batches; the first evaluation, in which kernels and graphs are prepared, counts only where it is the only one."""
        return statistics.median(chain.from_iterable(self._evaluations[1:] or self._evaluations))
