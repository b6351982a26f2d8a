"""Several agents at once, each in a separate process.

Each process runs a Kedro session of one agent's nodes. It leads a process group: Ctrl-C in a terminal reaches only the
command, which forwards it once. The process ends when the command closes its end of the pipe.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import Pipe, connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psy_agents.hpo.workers.dask.share import Share

if TYPE_CHECKING:
    from psy_agents.hpo.engine.interruption import Interrupt

log = logging.getLogger(__name__)

MODULE = "psy_agents.app.agent_process"


@dataclass(frozen=True)
class Command:
    """The arguments of a session and its run, from which another process makes the same session."""

    project: Path
    env: str | None
    conf_source: str
    runtime_params: Mapping[str, Any]
    pipelines: tuple[str, ...]
    load_versions: Mapping[str, str] | None = None
    is_async: bool = False


@dataclass(frozen=True)
class AgentJob:
    """The work of one agent's process.

    Attributes:
        nodes: names of the agent's nodes to run.
        run_id: the id of the command's session, which is the version of every dataset saved.
        mlflow_run: the command's MLflow run, the parent of the agent's; None without tracking.
        first: True for the first job of a command, the only one that logs the viewer commands.
    """

    command: Command
    agent: str
    nodes: tuple[str, ...]
    run_id: str
    mlflow_run: str | None
    first: bool


@dataclass(frozen=True)
class Started:
    """Message of the process: from now on it handles signals."""


@dataclass(frozen=True)
class Finished:
    """Message of the process: the agent's nodes have ended; ``failure`` is None if they succeeded."""

    failure: str | None


@dataclass
class _AgentProcess:
    agent: str
    process: subprocess.Popen
    pipe: connection.Connection
    started: float = field(default_factory=time.monotonic)
    has_started: bool = False
    finished: Finished | None = None
    partial_line: bytes = b""

    @property
    def output(self) -> int:
        return self.process.stdout.fileno()


def run_agents(jobs: Sequence[AgentJob], at_once: int, interrupt: Interrupt) -> tuple[dict[str, str], dict[str, str]]:
    """Run each job in a separate process, at most ``at_once`` at a time; return when all have ended.

    A signal is forwarded to all processes, which finish their current step; no other process starts.

    Returns:
        The outcome of each started agent, and the reason of each failure.
    """
    waiting = list(jobs)
    running: list[_AgentProcess] = []
    outcomes: dict[str, str] = {}
    failures: dict[str, str] = {}
    forwarded = False
    try:
        while running or (waiting and interrupt.signal is None):
            if interrupt.signal is None and waiting and len(running) < at_once:
                running.append(_start(waiting.pop(0)))
                _send_shares(running, min(at_once, len(running) + len(waiting)))
                continue
            if interrupt.signal is not None and not forwarded:
                forwarded = True
                log.info("%s: stopping %d agents after their current step", signal.Signals(interrupt.signal).name, len(running))
                for each in running:
                    _forward_signal(each, interrupt.signal)
            outputs = {each.output: each for each in running}
            for ready in connection.wait([*([] if forwarded else [interrupt]), *outputs, *(each.pipe for each in running)]):
                if ready in outputs:
                    _forward_output(outputs[ready])
            for each in [each for each in running if _receive_messages(each)]:
                running.remove(each)
                _send_shares(running, min(at_once, len(running) + len(waiting)))
                failure = _wait_for_failure(each)
                took = timedelta(seconds=round(time.monotonic() - each.started))
                if each.finished is None and interrupt.signal is not None:
                    outcomes[each.agent] = f"stopped after {took}"
                elif failure is not None:
                    failures[each.agent], outcomes[each.agent] = failure, f"failed: {failure}"
                    log.error("%s %s", each.agent, outcomes[each.agent])
                else:
                    outcomes[each.agent] = f"finished in {took}"
    finally:
        for each in running:
            _kill(each)
    return outcomes, failures


def _start(job: AgentJob) -> _AgentProcess:
    ours, theirs = Pipe()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(theirs.fileno())],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    os.set_blocking(process.stdout.fileno(), False)
    running = _AgentProcess(job.agent, process, ours)
    _send(running, job)
    return running


def _send_shares(running: Sequence[_AgentProcess], of: int) -> None:
    """Send each process its share of the cluster; a share never shrinks when another agent starts."""
    for rank, each in enumerate(running):
        _send(each, Share(rank, of))


def _send(each: _AgentProcess, message: AgentJob | Share) -> None:
    try:
        each.pipe.send(message)
    except OSError:  # The process has ended; its pipe reports that next.
        log.debug("%s had already ended", each.agent)


def _forward_signal(each: _AgentProcess, signum: int) -> None:
    """Forward a signal; kill a process that has not started its session, which has nothing to finish."""
    if each.process.poll() is None:
        each.process.send_signal(signum if each.has_started else signal.SIGKILL)


def _receive_messages(each: _AgentProcess) -> bool:
    """Receive the messages of the process; True at the end of its pipe."""
    try:
        while each.pipe.poll():
            match each.pipe.recv():
                case Started():
                    each.has_started = True
                case Finished() as finished:
                    each.finished = finished
    except (EOFError, OSError):
        return True
    return False


def _wait_for_failure(each: _AgentProcess) -> str | None:
    """Wait for the process; return why it failed in one sentence, or None."""
    code = each.process.wait()
    _forward_output(each)
    if each.partial_line:
        _print_lines(each, b"\n")
    _close(each)
    if each.finished is not None:
        return each.finished.failure
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}."
    return f"its process ended with exit code {code}."


def _kill(each: _AgentProcess) -> None:
    """Kill the process group at once; the workers notice and end too."""
    if each.process.poll() is None:
        os.killpg(each.process.pid, signal.SIGKILL)
    each.process.wait()
    _close(each)


def _close(each: _AgentProcess) -> None:
    each.process.stdout.close()
    each.pipe.close()


def _forward_output(each: _AgentProcess) -> None:
    """Print the available output of the process, each line with the agent's name in front."""
    while True:
        try:
            data = os.read(each.output, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            return
        _print_lines(each, data)


def _print_lines(each: _AgentProcess, data: bytes) -> None:
    *lines, each.partial_line = (each.partial_line + data).split(b"\n")
    for line in lines:
        print(f"{each.agent} | {line.decode(errors='replace')}", file=sys.stderr, flush=True)
