"""Holds what an epoch leaves behind until it is known which epoch is the best."""

from __future__ import annotations

from typing import Generic, TypeVar

from psy_agents.training.learning_curve import LEAST, best_epoch, highest_epoch, smoothed

T = TypeVar("T")


class BestEpoch(Generic[T]):
    """The best epoch of the smoothed curve so far, with what it left behind.

    An epoch's smoothed value is settled when the next epoch is known. So three epochs at most are held while one is added, and two
    afterwards: the best of the settled ones, and the last.
    """

    def __init__(self) -> None:
        self.values: list[float] = []
        self._held: dict[int, T] = {}

    def add(self, value: float, left: T) -> list[T]:
        """Take in the next epoch; returns what was left by epochs that cannot become the best any more.

        Args:
            value: the epoch's value, as it was measured.
            left: what shall be there where the epoch is the best.
        """
        self.values.append(value)
        last = len(self.values)
        self._held[last] = left
        if last < LEAST:
            return []
        best = highest_epoch(smoothed(self.values)[:-1])
        return [self._held.pop(number) for number in [*self._held] if number not in (best, last)]

    @property
    def number(self) -> int:
        """The best epoch so far, counted from 1.

        Raises:
            ValueError: there is no epoch yet.
        """
        return best_epoch(self.values)

    @property
    def left(self) -> T:
        """What it left behind."""
        return self._held[self.number]
