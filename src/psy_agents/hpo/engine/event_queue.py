"""What happened in a stage, until its callbacks run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from psy_agents.errors import where
from psy_agents.hpo.study.records import Callback

log = logging.getLogger(__name__)


class EventQueue:
    """Calls the callbacks in the order of the events, at a time when no worker waits for the engine.

    An exception of a callback is logged and stops nothing.
    """

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = tuple(callbacks)
        self._events: list[tuple[str, tuple[Any, ...]]] = []

    def put(self, event: str, *args: Any) -> None:
        """Queue a call of the callbacks' method of this name."""
        self._events.append((event, args))

    def run_callbacks(self) -> None:
        """Make the queued calls."""
        events, self._events = self._events, []
        for event, args in events:
            for callback in self._callbacks:
                try:
                    getattr(callback, event)(*args)
                except Exception as error:
                    log.warning("%s failed in %s: %s", type(callback).__name__, event, where(error))
