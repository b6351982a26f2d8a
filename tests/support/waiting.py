"""To wait for what another process does."""

from __future__ import annotations

import time


def wait_for(condition, patience: float = 20.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
