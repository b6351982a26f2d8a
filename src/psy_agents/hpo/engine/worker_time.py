"""Where the slots' time goes: in training, in start-up of workers, or idle; added up over all runs of a stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

KINDS = {"busy": "training", "starting": "start_up", "idle": "idle", "down": "idle"}
"""Of a slot's states: what its time counts as."""


@dataclass(frozen=True)
class SlotTime:
    """Seconds of all slots together, and how often a worker was started."""

    training: float = 0.0
    start_up: float = 0.0
    idle: float = 0.0
    worker_starts: int = 0

    @property
    def total(self) -> float:
        """Slot seconds: slots times the stage's own."""
        return self.training + self.start_up + self.idle

    def stored(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {name: round(value, 3) for name, value in asdict(self).items()}

    def __add__(self, other: SlotTime) -> SlotTime:
        return SlotTime(**{name: value + getattr(other, name) for name, value in asdict(self).items()})


class SlotClock:
    """Counts the time of slots by their states.

    Args:
        before: what earlier runs of the stage took, as `SlotTime.stored` gave it.
    """

    def __init__(self, before: Mapping[str, Any] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._sum, self._clock = SlotTime(**(before or {})), clock
        self._states: list[str] = []
        self._since = clock()

    def note(self, states: Sequence[str]) -> None:
        """Take in what the slots, in the same order and perhaps more, do from now on; until now they did what was noted last."""
        now = self._clock()
        seconds = dict.fromkeys(KINDS.values(), 0.0)
        for state in self._states:
            seconds[KINDS[state]] += now - self._since
        starts = sum(new == "starting" != old for old, new in zip_longest(self._states, states, fillvalue="down"))
        self._sum += SlotTime(**seconds, worker_starts=starts)
        self._states, self._since = list(states), now

    def time(self) -> SlotTime:
        """All runs together, up to now."""
        self.note(self._states)
        return self._sum
