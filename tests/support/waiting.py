"""To wait for what another process does."""

from __future__ import annotations

import time

PATIENCE = 600.0
"""Seconds that a busy machine may take for anything that is waited for; only a test that fails needs them."""


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what was waited for has not happened"
        time.sleep(0.02)
