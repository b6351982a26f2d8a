"""A place in which one trial at a time runs: the parent's side of a worker process, replaced when it fails."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psy_agents.hpo.config import Timeouts
from psy_agents.hpo.protocol import TrialSpec
from psy_agents.hpo.study.records import Failure
from psy_agents.hpo.workers.worker_process import Message, Reported, WorkerJob, serve


@dataclass(frozen=True)
class Lost:
    """The worker is gone, or was ended because a deadline passed."""

    failure: Failure
    reason: str


class Slot:
    """One worker at a time: down, starting, idle or busy with a trial."""

    def __init__(self, index: int, job: WorkerJob, timeouts: Timeouts) -> None:
        self.index, self._job, self._timeouts = index, job, timeouts
        self.state = "down"
        self.trials_run = 0
        self._process: Any = None
        self._pipe: Any = None
        self._silence: float | None = None
        self._total: float | None = None

    @property
    def allowed(self) -> bool:
        """Whether it may be started now."""
        return True

    def start(self) -> None:
        """Start a worker; it is idle once it has said that its objective is made."""
        context = multiprocessing.get_context("forkserver")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self._job), name=f"search slot {self.index}")
        self.state, self.trials_run = "starting", 0
        self._silence = time.monotonic() + self._timeouts.startup
        self._total = None
        try:
            with contextlib.suppress(EOFError, ConnectionError):  # A dead fork server: the pipe's end tells.
                self._process.start()
        finally:
            theirs.close()

    def dispatch(self, spec: TrialSpec) -> None:
        """Run a trial on the idle worker."""
        self.state = "busy"
        self.trials_run += 1
        self._total = None if self._timeouts.total is None else time.monotonic() + self._timeouts.total
        self._send(spec)

    def answer(self, go_on: bool) -> None:
        """Answer a report: go on, or stop."""
        self._send(go_on)

    def messages(self) -> Iterator[Message | Lost]:
        """What the worker has said, and last that it is lost, if it is; never waits."""
        if self.state == "down":
            return
        ended = not self._alive()  # Asked first: what a worker said before it died is still in the pipe.
        try:
            while self.state != "down" and self._pipe.poll():
                message = self._pipe.recv()
                if not isinstance(message, Reported):
                    self.state, self._silence, self._total = "idle", None, None
                yield message
        except (EOFError, OSError, pickle.UnpicklingError):
            ended = True
        if self.state == "down":
            return
        if ended:
            yield Lost(Failure.DIED, self._exit())
        elif (overdue := self._overdue()) is not None:
            yield overdue

    def waitables(self) -> list[Any]:
        """What becomes ready when there is something to do."""
        if self.state == "down":
            return []
        return [self._pipe] if self._process.pid is None else [self._pipe, self._process.sentinel]

    def seconds_left(self) -> float | None:
        """Until the nearest deadline."""
        deadlines = [deadline for deadline in (self._silence, self._total) if deadline is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def kill(self) -> None:
        """End the worker and all that it started, at once."""
        if self.state == "down":
            return
        self.state, self._silence, self._total = "down", None, None
        self._pipe.close()
        self._end_worker()

    def _end_worker(self) -> None:
        if self._process.pid is not None:
            # A worker leads its own group, save in its first moments.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.join(10)
            if not self._process.is_alive():
                self._process.close()

    def retire(self, patience: float = 5.0) -> None:
        """Let the idle worker end by itself; kill it if it does not."""
        if self.state == "idle":
            self._send(None)
            self._wait_for_end(patience)
        self.kill()

    def _wait_for_end(self, patience: float) -> None:
        self._process.join(patience)

    def _send(self, message: TrialSpec | bool | None) -> None:
        self._silence = None if self._timeouts.silence is None else time.monotonic() + self._timeouts.silence
        with contextlib.suppress(OSError):  # A dead worker shows in messages().
            self._write(message)

    def _write(self, message: TrialSpec | bool | None) -> None:
        self._pipe.send(message)

    def _alive(self) -> bool:
        return self._process.pid is not None and self._process.is_alive()

    def _exit(self) -> str:
        if self._process.pid is None:
            return "the fork server did not start it"
        self._process.join(1.0)
        code = self._process.exitcode
        return f"exit code {code}" if code is not None else "its pipe closed"

    def _overdue(self) -> Lost | None:
        now = time.monotonic()
        if self._total is not None and now >= self._total:
            return Lost(Failure.TIMEOUT, f"longer than {self._timeouts.total:g} s")
        if self._silence is not None and now >= self._silence:
            limit = self._timeouts.startup if self.state == "starting" else self._timeouts.silence
            return Lost(Failure.HUNG, f"silent for {limit:g} s")
        return None


def preload(modules: tuple[str, ...]) -> None:
    """Have the fork server import modules once for all workers; without effect once it runs."""
    # OpenMP's threads spin while they wait: where other processes want the cores, that makes two threads slower than one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    multiprocessing.get_context("forkserver").set_forkserver_preload([serve.__module__, *modules])
