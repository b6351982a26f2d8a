"""Several agents at once: each in a process of its own, which is told of by what it prints and by how it ends.

Each process is a Kedro session of one agent's nodes. It leads its own process group, so that a terminal's Ctrl-C reaches
the command alone, which hands it on once; and it ends at once when the command's end of its pipe is closed.
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
    """What a session was told, to tell another process's session the same."""

    project: Path
    env: str | None
    conf_source: str
    runtime_params: Mapping[str, Any]
    pipelines: tuple[str, ...]
    load_versions: Mapping[str, str] | None = None
    is_async: bool = False


@dataclass(frozen=True)
class AgentJob:
    """What one agent's process does.

    Attributes:
        nodes: names of the agent's nodes that shall run.
        run_id: of the command's session, which so is the version of all that it saves.
        mlflow_run: the command's, below which the agent's run stands; None without tracking.
        first: whether this process says what is said once a command.
    """

    command: Command
    agent: str
    nodes: tuple[str, ...]
    run_id: str
    mlflow_run: str | None
    first: bool


@dataclass(frozen=True)
class Began:
    """From the process: signals are handled from now on."""


@dataclass(frozen=True)
class Ended:
    """From the process: how the agent's nodes ended; None where all is well."""

    failure: str | None


@dataclass
class _Running:
    agent: str
    process: subprocess.Popen
    pipe: connection.Connection
    started: float = field(default_factory=time.monotonic)
    began: bool = False
    ended: Ended | None = None
    line: bytes = b""

    @property
    def output(self) -> int:
        return self.process.stdout.fileno()


def run_agents(jobs: Sequence[AgentJob], at_once: int, interrupt: Interrupt) -> tuple[dict[str, str], dict[str, str]]:
    """Run each job in a process of its own, so many at a time; return when all have ended.

    A signal is handed to all processes, and no other is started; they end where nothing is half done.

    Returns:
        How each agent that was begun ended, in words, and the failures among them.
    """
    waiting = list(jobs)
    running: list[_Running] = []
    ended: dict[str, str] = {}
    failed: dict[str, str] = {}
    told = False
    try:
        while running or (waiting and interrupt.signal is None):
            if interrupt.signal is None and waiting and len(running) < at_once:
                running.append(_start(waiting.pop(0)))
                _share_out(running, min(at_once, len(running) + len(waiting)))
                continue
            if interrupt.signal is not None and not told:
                told = True
                log.info("%s: %d agents end where nothing is half done", signal.Signals(interrupt.signal).name, len(running))
                for each in running:
                    _hand_on(each, interrupt.signal)
            outputs = {each.output: each for each in running}
            for ready in connection.wait([*([] if told else [interrupt]), *outputs, *(each.pipe for each in running)]):
                if ready in outputs:
                    _read(outputs[ready])
            for each in [each for each in running if _has_ended(each)]:
                running.remove(each)
                _share_out(running, min(at_once, len(running) + len(waiting)))
                failure = _failure(each)
                took = timedelta(seconds=round(time.monotonic() - each.started))
                if each.ended is None and interrupt.signal is not None:
                    ended[each.agent] = f"stopped after {took}"
                elif failure is not None:
                    failed[each.agent], ended[each.agent] = failure, f"failed: {failure}"
                    log.error("%s %s", each.agent, ended[each.agent])
                else:
                    ended[each.agent] = f"finished in {took}"
    finally:
        for each in running:
            _end(each)
    return ended, failed


def _start(job: AgentJob) -> _Running:
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
    running = _Running(job.agent, process, ours)
    _tell(running, job)
    return running


def _share_out(running: Sequence[_Running], of: int) -> None:
    """Tell each its part, with room for those that begin next: a part that has been given is never taken back."""
    for rank, each in enumerate(running):
        _tell(each, Share(rank, of))


def _tell(each: _Running, message: AgentJob | Share) -> None:
    try:
        each.pipe.send(message)
    except OSError:  # It has ended, which its pipe tells next.
        log.debug("%s had ended before it could be told", each.agent)


def _hand_on(each: _Running, signum: int) -> None:
    """A process that has not begun has nothing to finish."""
    if each.process.poll() is None:
        each.process.send_signal(signum if each.began else signal.SIGKILL)


def _has_ended(each: _Running) -> bool:
    """Hear what the process says; True at the end of its pipe."""
    try:
        while each.pipe.poll():
            match each.pipe.recv():
                case Began():
                    each.began = True
                case Ended() as ended:
                    each.ended = ended
    except (EOFError, OSError):
        return True
    return False


def _failure(each: _Running) -> str | None:
    """Reap the process; why it failed, in one sentence."""
    code = each.process.wait()
    _read(each)
    if each.line:
        _show(each, b"\n")
    _close(each)
    if each.ended is not None:
        return each.ended.failure
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}."
    return f"its process ended with exit code {code}."


def _end(each: _Running) -> None:
    """End a process and what it has started, at once; its workers watch it."""
    if each.process.poll() is None:
        os.killpg(each.process.pid, signal.SIGKILL)
    each.process.wait()
    _close(each)


def _close(each: _Running) -> None:
    each.process.stdout.close()
    each.pipe.close()


def _read(each: _Running) -> None:
    """Pass on what there is of the process's lines, with the agent's name before each."""
    while True:
        try:
            data = os.read(each.output, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            return
        _show(each, data)


def _show(each: _Running, data: bytes) -> None:
    *lines, each.line = (each.line + data).split(b"\n")
    for line in lines:
        print(f"{each.agent} | {line.decode(errors='replace')}", file=sys.stderr, flush=True)
