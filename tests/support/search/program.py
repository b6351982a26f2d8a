"""A search in a process of its own, which a test can kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
from support.waiting import wait_for as wait_for

PROGRAM = Path(__file__).parent / "search_process.py"


def environment() -> dict[str, str]:
    """That of a process which finds this package and the tests' modules."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


class Program:
    """The search as a process of its own, with all the processes below it."""

    def __init__(self, folder: Path, **options) -> None:
        command = [sys.executable, str(PROGRAM), str(folder), json.dumps(options)]
        self.process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
        self.family: list[psutil.Process] = []

    def remember_family(self) -> None:
        self.family = psutil.Process(self.process.pid).children(recursive=True)
        assert len(self.family) >= 3  # The resource tracker, the fork server, a worker.

    def send(self, signum: int) -> None:
        """Send it and wait for the end: less long than a hung worker would hang."""
        self.remember_family()
        self.process.send_signal(signum)
        self.process.wait(10)

    def survivors(self, patience: float = 5.0) -> list[psutil.Process]:
        return psutil.wait_procs(self.family, timeout=patience)[1]
