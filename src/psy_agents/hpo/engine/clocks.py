"""The time of a stage and of its workers (training, start-up or idle), added up over all runs of the stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

KINDS = {"busy": "training", "starting": "start_up", "idle": "idle", "down": "idle"}
"""A worker's state: what its time counts as."""


@dataclass(frozen=True)
class WorkerTime:
    """Seconds of all workers together, and how often a worker was started."""

    training: float = 0.0
    start_up: float = 0.0
    idle: float = 0.0
    worker_starts: int = 0

    @property
    def total(self) -> float:
        """Workers times the stage's seconds."""
        return self.training + self.start_up + self.idle

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {name: round(value, 3) for name, value in asdict(self).items()}

    def __add__(self, other: WorkerTime) -> WorkerTime:
        return WorkerTime(**{name: value + getattr(other, name) for name, value in asdict(self).items()})


class WorkerClock:
    """Counts the time of workers by their states.

    Args:
        before: the time of earlier runs of the stage, as `WorkerTime.to_dict` gives it.
    """

    def __init__(self, before: Mapping[str, Any] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._sum, self._clock = WorkerTime(**(before or {})), clock
        self._states: list[str] = []
        self._since = clock()

    def update(self, states: Sequence[str]) -> None:
        """Count the time since the last call by the states of then; these are the states from now on, in the same order."""
        now = self._clock()
        seconds = dict.fromkeys(KINDS.values(), 0.0)
        for state in self._states:
            seconds[KINDS[state]] += now - self._since
        starts = sum(new == "starting" != old for old, new in zip_longest(self._states, states, fillvalue="down"))
        self._sum += WorkerTime(**seconds, worker_starts=starts)
        self._states, self._since = list(states), now

    def time(self) -> WorkerTime:
        """The time of all runs, up to now."""
        self.update(self._states)
        return self._sum


class StageClock:
    """Seconds that a stage takes, in all its runs.

    Args:
        before: seconds of earlier runs.
    """

    def __init__(self, before: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._before, self._clock, self._started = before, clock, None

    def start(self) -> None:
        """Count from now on."""
        self._started = self._clock()

    def seconds(self) -> float:
        """Up to now."""
        return self._before + (0.0 if self._started is None else self._clock() - self._started)
