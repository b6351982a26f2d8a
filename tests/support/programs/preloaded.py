"""Programs that start in a moment: each is forked from a process that has imported its module, and is a process of its own.

To import what a search needs takes longer than most searches of the tests.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import json
import os
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from support.waiting import PATIENCE, wait_for


def environment(source: Path | None = None) -> dict[str, str]:
    """That of a process which finds this package, or the one in ``source``, and the tests' modules."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*([] if source is None else [str(source)]), *sys.path])}


class Started:
    """A started program, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.pid, self._folder = pid, folder

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        status = self._folder / "status"
        return int(status.read_text()) if status.exists() else None

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
        return (self._folder / "errors").read_text()

    def completed(self) -> subprocess.CompletedProcess:
        """Wait for it; its exit status and what it has written."""
        status = self.wait()
        return subprocess.CompletedProcess(self.pid, status, (self._folder / "output").read_text(), self.errors())


def start(module: str, *arguments: str, source: Path | None = None) -> Started:
    """Run ``main(arguments)`` of a module in a process of its own, with this package or the one in ``source``."""
    folder = Path(tempfile.mkdtemp(prefix="program"))
    server = _server(source)
    server.stdin.write(json.dumps({"module": module, "arguments": arguments, "folder": str(folder)}) + "\n")
    server.stdin.flush()
    return Started(int(server.stdout.readline()), folder)


def run_command(command: str, project: Path) -> subprocess.CompletedProcess:
    """``kedro ...`` or ``python -m ...`` at the root of a project, with the code that lies there, and what it writes."""
    return start("support.programs.typed_command", str(project), *shlex.split(command), source=project / "src").completed()


def run_script(script: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """``python SCRIPT ARGUMENTS``, with what it writes; it may start processes that do the same."""
    return start("support.programs.script", str(cwd or Path.cwd()), str(script), *arguments).completed()


@functools.cache
def _server(source: Path | None) -> subprocess.Popen:
    command = [sys.executable, "-m", __name__]
    server = subprocess.Popen(command, env=environment(source), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
            folder = Path(request["folder"])
            main = importlib.import_module(request["module"]).main  # Imported here, for this and all later children.
            pid = os.fork()
            if pid == 0:
                _run(main, request["arguments"], folder)
            running[pid] = folder / "status"
            print(pid, flush=True)
        with contextlib.suppress(ChildProcessError):
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended:
                file = running.pop(ended)
                file.with_suffix(".part").write_text(str(os.waitstatus_to_exitcode(status)))
                file.with_suffix(".part").rename(file)


def _run(main: Callable[[Sequence[str]], object], arguments: Sequence[str], folder: Path) -> NoReturn:
    """As an interpreter does: output, a traceback, and what has to be done at exit."""
    with open(folder / "output", "w") as stdout, open(folder / "errors", "w") as stderr, open(os.devnull) as nowhere:
        for file, number in ((nowhere, 0), (stdout, 1), (stderr, 2)):
            os.dup2(file.fileno(), number)
    status = 0
    try:
        main(arguments)
    except SystemExit as ended:
        status = _exit_status(ended)
    except BaseException:  # Whatever ends it is written and ends it with 1.
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _exit_status(ended: SystemExit) -> int:
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    print(ended.code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    _serve()
