"""Progress of predictions: a bar on a terminal, else a line in the log every minute."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from psy_agents.files.terminal import error_console, shown_below_logs

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 60


class PostsProgress:
    """Context manager that counts predicted posts and shows them.

    Args:
        agent: its name. total: posts of the file.
    """

    def __init__(self, agent: str, total: int, console: Console | None = None) -> None:
        self._agent, self._total, self._done, self._skipped = agent, total, 0, 0
        self._console = console or error_console()
        self._progress: Progress | None = None
        self._shown = ExitStack()

    def __enter__(self) -> PostsProgress:
        self._started = self._logged = time.monotonic()
        if self._console.is_interactive:
            columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
            self._progress = Progress(*columns, TimeRemainingColumn(), console=self._console)
            self._task = self._progress.add_task(f"{self._agent}: posts", total=self._total)
            self._shown.enter_context(shown_below_logs(self._progress))
        return self

    def __exit__(self, _type: type | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        self._shown.close()

    def skip(self, posts: int) -> None:
        """Count posts that an earlier run predicted."""
        self._done += posts
        self._skipped += posts
        if self._progress is not None:
            self._progress.update(self._task, completed=self._done)

    def advance(self, posts: int) -> None:
        """Count posts that this run predicted."""
        self._done += posts
        if self._progress is not None:
            self._progress.update(self._task, completed=self._done)
            return
        now = time.monotonic()
        if now - self._logged >= SECONDS_BETWEEN_LINES and self._done < self._total:
            self._logged = now
            left = (now - self._started) / (self._done - self._skipped) * (self._total - self._done)
            log.info("%s: %d of %d posts, %s left", self._agent, self._done, self._total, timedelta(seconds=round(left)))
