"""The engine's side of a worker: a process that runs one trial at a time and is replaced when it fails."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import util
from typing import Any

from psy_agents.files.temporary import new_temporary_folder
from psy_agents.hpo.config import Timeouts
from psy_agents.hpo.protocol import TrialSpec
from psy_agents.hpo.study.records import Failure
from psy_agents.hpo.workers.start_method import IGNORED_SIGNALS, START_METHOD
from psy_agents.hpo.workers.worker_process import Message, Reported, WorkerJob, serve

PRELOADED = ("torch", "transformers.modeling_utils", "psy_agents.hpo.objective")
"""Modules that every worker of a search needs."""


@dataclass(frozen=True)
class WorkerLost:
    """The worker process has died, or exceeded a timeout."""

    failure: Failure
    reason: str


class Worker:
    """A worker is down, starting, idle or busy with a trial; one that was killed can be started again."""

    def __init__(self, index: int, job: WorkerJob, timeouts: Timeouts) -> None:
        self.index, self._job, self._timeouts = index, job, timeouts
        self.state = "down"
        self.trials_run = 0
        self._process: Any = None
        self._pipe: Any = None
        self._report_timeout_at: float | None = None
        self._trial_timeout_at: float | None = None

    @property
    def allowed(self) -> bool:
        """Whether it may be started now."""
        return True

    def start(self) -> None:
        """Start the process; the worker is idle once the objective is built."""
        context = multiprocessing.get_context(START_METHOD)
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self._job), name=f"search worker {self.index}")
        self.state, self.trials_run = "starting", 0
        self._report_timeout_at = time.monotonic() + self._timeouts.startup
        self._trial_timeout_at = None
        try:
            with contextlib.suppress(EOFError, ConnectionError):  # A dead fork server shows in messages().
                self._process.start()
        finally:
            theirs.close()

    def dispatch(self, spec: TrialSpec) -> None:
        """Run a trial on the idle worker."""
        self.state = "busy"
        self.trials_run += 1
        self._trial_timeout_at = None if self._timeouts.total is None else time.monotonic() + self._timeouts.total
        self._send(spec)

    def answer(self, go_on: bool) -> None:
        """Answer a report: True continues the trial, False stops it."""
        self._send(go_on)

    def messages(self) -> Iterator[Message | WorkerLost]:
        """The worker's messages, and last that it is lost, if it is; never waits."""
        if self.state == "down":
            return
        ended = not self._alive()  # First: the last messages of a dead process are still in the pipe.
        try:
            while self.state != "down" and self._pipe.poll():
                message = self._pipe.recv()
                if not isinstance(message, Reported):
                    self.state, self._report_timeout_at, self._trial_timeout_at = "idle", None, None
                yield message
        except (EOFError, OSError, pickle.UnpicklingError):
            ended = True
        if self.state == "down":
            return
        if ended:
            yield WorkerLost(Failure.DIED, self._exit_reason())
        elif (lost := self._exceeded_timeout()) is not None:
            yield lost

    def waitables(self) -> list[Any]:
        """Pipes and sentinels that become ready when the worker sends a message or ends."""
        if self.state == "down":
            return []
        return [self._pipe] if self._process.pid is None else [self._pipe, self._process.sentinel]

    def seconds_left(self) -> float | None:
        """Seconds until the next timeout; None without one."""
        deadlines = [deadline for deadline in (self._report_timeout_at, self._trial_timeout_at) if deadline is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def kill(self) -> None:
        """End the process and its children at once."""
        if self.state == "down":
            return
        self.state, self._report_timeout_at, self._trial_timeout_at = "down", None, None
        self._pipe.close()
        self._end_worker()

    def _end_worker(self) -> None:
        if self._process.pid is not None:
            # The process leads its own group, except in its first moments.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.join(10)
            if not self._process.is_alive():
                self._process.close()

    def retire(self, patience: float = 5.0) -> None:
        """Let an idle process end by itself; kill it if it does not."""
        if self.state == "idle":
            self._send(None)
            self._wait_for_end(patience)
        self.kill()

    def _wait_for_end(self, patience: float) -> None:
        self._process.join(patience)

    def _send(self, message: TrialSpec | bool | None) -> None:
        self._report_timeout_at = None if self._timeouts.silence is None else time.monotonic() + self._timeouts.silence
        with contextlib.suppress(OSError):  # A dead worker shows in messages().
            self._write(message)

    def _write(self, message: TrialSpec | bool | None) -> None:
        self._pipe.send(message)

    def _alive(self) -> bool:
        return self._process.pid is not None and self._process.is_alive()

    def _exit_reason(self) -> str:
        if self._process.pid is None:
            return "the fork server did not start it"
        self._process.join(1.0)
        code = self._process.exitcode
        return f"exit code {code}" if code is not None else "its pipe closed"

    def _exceeded_timeout(self) -> WorkerLost | None:
        now = time.monotonic()
        if self._trial_timeout_at is not None and now >= self._trial_timeout_at:
            return WorkerLost(Failure.TIMEOUT, f"longer than {self._timeouts.total:g} s")
        if self._report_timeout_at is not None and now >= self._report_timeout_at:
            limit = self._timeouts.startup if self.state == "starting" else self._timeouts.silence
            return WorkerLost(Failure.HUNG, f"silent for {limit:g} s")
        return None


def preload(modules: tuple[str, ...]) -> None:
    """Let the fork server import modules once for all workers; without effect once it runs."""
    _name_temporary_folder()
    # OpenMP's waiting threads spin: with other processes on the cores, two threads are slower than one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    multiprocessing.get_context(START_METHOD).set_forkserver_preload([IGNORED_SIGNALS, serve.__module__, *modules])


def _name_temporary_folder() -> None:
    """Give multiprocessing's sockets a folder that the next start removes if this process is killed: its own are left for ever."""
    settings = multiprocessing.current_process()._config
    if settings.get("tempdir") is None:
        settings["tempdir"] = folder = str(new_temporary_folder())
        util.Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=-100)  # As its own are removed.
