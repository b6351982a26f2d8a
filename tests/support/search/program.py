"""A search in a process of its own, which a test can kill."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
from support.programs.preloaded import start
from support.waiting import PATIENCE


class Program:
    """The search as a process of its own, with all the processes below it."""

    def __init__(self, folder: Path, **options) -> None:
        self.process = start("support.search.search_process", str(folder), json.dumps(options))
        self.family: list[psutil.Process] = []

    def remember_family(self) -> None:
        self.family = psutil.Process(self.process.pid).children(recursive=True)
        assert len(self.family) >= 3  # The resource tracker, the fork server, a worker.

    def send(self, signum: int, *, to_all: bool = False) -> None:
        """Send it, first to the fork server and the workers if ``to_all``; wait for the end: less long than a hung worker hangs."""
        self.remember_family()
        for each in self.family if to_all else ():
            if "resource_tracker" not in " ".join(each.cmdline()):
                each.send_signal(signum)
        self.process.send_signal(signum)
        self.process.wait(PATIENCE)

    def sleeps_in_the_kernel(self) -> bool:
        """Whether its main thread sleeps for a time, as sqlite does between two looks at a lock, and runs no Python meanwhile."""
        return "nanosleep" in Path(f"/proc/{self.process.pid}/wchan").read_text()

    def has_yet_to_take(self, signum: int) -> bool:
        """Whether the signal was sent to it and has not reached it."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (pending,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("ShdPnd:"))
        return bool(pending >> (signum - 1) & 1)

    def survivors(self) -> list[psutil.Process]:
        return psutil.wait_procs(self.family, timeout=PATIENCE)[1]
