"""The share of a cluster's places that this process may use, where one command runs several searches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """One search among several.

    Attributes:
        of: searches that run at once.
        rank: of this search, from 0; the first ones get what cannot be shared evenly.
    """

    rank: int = 0
    of: int = 1

    def places(self, capacity: int) -> int:
        """This search's number of places: at least one, for which it may have to wait."""
        return max(1, capacity // self.of + (self.rank < capacity % self.of))


_share = Share()


def share() -> Share:
    """This process's current share. It only grows: when a search ends, the others get its places."""
    return _share


def set_share(new: Share) -> None:
    """Set this process's share; one stage runs at a time in it."""
    global _share
    _share = new
