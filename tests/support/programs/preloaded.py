"""Programs that start in a moment: each is forked from a process that has imported its module, and is a process of its own.

A program is a module with ``main(arguments)``. To import what a search needs takes longer than most searches of the tests.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from support.waiting import PATIENCE, wait_for


def environment() -> dict[str, str]:
    """That of a process which finds this package and the tests' modules."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


class Started:
    """A started program, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int, status: Path, errors: Path) -> None:
        self.pid, self._status, self._errors = pid, status, errors

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return int(self._status.read_text()) if self._status.exists() else None

    def wait(self, timeout: float = PATIENCE) -> int:
        wait_for(lambda: self.poll() is not None, timeout)
        return self.poll()

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def errors(self) -> str:
        """What it has written to standard error."""
        return self._errors.read_text()


def start(module: str, *arguments: str) -> Started:
    """Run ``main(arguments)`` of a module in a process of its own."""
    folder = Path(tempfile.mkdtemp(prefix="program"))
    status, errors = folder / "status", folder / "errors"
    server = _server()
    request = {"module": module, "arguments": arguments, "status": str(status), "errors": str(errors)}
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return Started(int(server.stdout.readline()), status, errors)


@functools.cache
def _server() -> subprocess.Popen:
    command = [sys.executable, "-m", __name__]
    server = subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    """Fork a child for each line of standard input; once it has ended, its exit status is in its file."""
    running: dict[int, Path] = {}
    while True:
        asked, *_ = select.select([sys.stdin], [], [], 0.02 if running else None)
        if asked:
            line = sys.stdin.readline()
            if not line:
                return
            request = json.loads(line)
            module = importlib.import_module(request["module"])
            pid = os.fork()
            if pid == 0:
                _run(module.main, request["arguments"], request["errors"])
            running[pid] = Path(request["status"])
            print(pid, flush=True)
        with contextlib.suppress(ChildProcessError):
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended:
                file = running.pop(ended)
                file.with_suffix(".part").write_text(str(os.waitstatus_to_exitcode(status)))
                file.with_suffix(".part").rename(file)


def _run(main, arguments: Sequence[str], errors: str) -> NoReturn:
    """As an interpreter does: output, a traceback, and what has to be done at exit."""
    with open(errors, "w") as stderr, open(os.devnull, "r+") as nowhere:
        for file, number in ((nowhere, 0), (nowhere, 1), (stderr, 2)):
            os.dup2(file.fileno(), number)
    status = 0
    try:
        main(arguments)
    except BaseException:  # Whatever ends it is written and ends it with 1.
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve()
