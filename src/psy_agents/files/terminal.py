"""The terminal: its width, whether bars can be shown on it, and log lines beside them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

WIDE = 200
"""Columns for tables that a file or another program gets; a terminal has its own number."""


def output_console() -> Console:
    """The standard output. `COLUMNS` sets its width anywhere."""
    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE)


def error_console() -> Console:
    """The error stream; a terminal only where it is one: FORCE_COLOR would otherwise write bars to a file."""
    return Console(stderr=True, force_terminal=sys.stderr.isatty())


@contextmanager
def shown_below_logs(progress: Progress) -> Iterator[None]:
    """Show the bars while the block lasts; what is logged meanwhile appears above them."""
    stream = sys.stderr
    progress.start()  # From now on sys.stderr is a stream that prints above the bars, which handlers made before do not know.
    handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler) and each.stream is stream]
    try:
        for handler in handlers:
            handler.setStream(sys.stderr)
        yield
    finally:
        for handler in handlers:
            handler.setStream(stream)
        progress.stop()
