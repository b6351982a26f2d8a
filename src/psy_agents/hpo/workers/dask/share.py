"""A cluster that several searches of one command share: how many of its places are this process's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """One of so many searches at once.

    Attributes:
        of: searches that run at once.
        rank: of this one among them, from 0; the first ones have what cannot be shared evenly.
    """

    rank: int = 0
    of: int = 1

    def places(self, capacity: int) -> int:
        """This search's part of the places: whole, and at least one, for which it may have to wait."""
        return max(1, capacity // self.of + (self.rank < capacity % self.of))


_share = Share()


def share() -> Share:
    """This process's share as it is now. It only grows: searches end, and those that go on have their places."""
    return _share


def set_share(new: Share) -> None:
    """Take note of how many searches there are; for the whole process, in which one stage runs at a time."""
    global _share
    _share = new
