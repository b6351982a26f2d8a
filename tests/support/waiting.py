"""To wait for what another process does."""

from __future__ import annotations

import time

PATIENCE = 600.0
"""Seconds that a busy machine may take for anything that is waited for; only a test that fails needs them."""


def wait_for(condition, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while True:
        asked = time.monotonic()
        if condition():
            return
        assert asked < deadline, "what was waited for has not happened"
        time.sleep(max(0.02, 3 * (time.monotonic() - asked)))  # To ask takes a quarter of a core at most: what is waited for needs it.
