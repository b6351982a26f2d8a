"""The worker process: it builds the objective once, then runs each trial that arrives through its pipe.

It never opens the study. Messages of unknown exceptions may hold post text and never leave it: only the exception's type and the
places in the code do.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import math
import os
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing import connection, forkserver, parent_process
from pathlib import Path
from typing import Any

from psy_agents.errors import UserError, where
from psy_agents.hpo.protocol import EpochReport, Objective, TrialDiverged, TrialOutcome, TrialPruned, TrialSpec
from psy_agents.hpo.study.records import Failure
from psy_agents.hpo.workers.start_method import IGNORED_SIGNALS
from psy_agents.training.step.memory import is_out_of_memory

PR_SET_PDEATHSIG = 1
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_SPACE_SIGNS = ("No space left on device", "(os error 28)", "PytorchStreamWriter failed")  # Of libraries below Python.


@dataclass(frozen=True)
class WorkerJob:
    """What a worker process is started with.

    Attributes:
        objective: ``module:Class``; the class is called with ``setup``.
        device: value for CUDA_VISIBLE_DEVICES, or None to leave it.
        log_dir: folder of one log per trial for what the objective prints, or None to print to the parent's.
    """

    objective: str
    setup: Any
    threads: int
    device: str | None
    log_dir: Path | None


@dataclass(frozen=True)
class Ready:
    """The objective is built."""


@dataclass(frozen=True)
class Reported:
    """An epoch is over; the worker waits for True (continue) or False (stop)."""

    report: EpochReport


@dataclass(frozen=True)
class Finished:
    """The trial is over."""

    outcome: TrialOutcome


@dataclass(frozen=True)
class Pruned:
    """The trial stopped after the answer "stop"."""


@dataclass(frozen=True)
class Failed:
    """The trial failed; the process is alive."""

    failure: Failure
    reason: str


@dataclass(frozen=True)
class UserErrorRaised:
    """The objective raised `UserError`: the search ends with this message."""

    message: str


Message = Ready | Reported | Finished | Pruned | Failed | UserErrorRaised


def serve(pipe: connection.Connection, job: WorkerJob) -> None:
    """Build the objective and run trials until the pipe closes."""
    _end_with_parent()
    importlib.import_module(IGNORED_SIGNALS)
    try:
        _prepare(job)
        objective = _new_objective(job)
        _send(pipe, Ready())
        while (spec := _receive(pipe)) is not None:
            with _log(job.log_dir, spec.number):
                message = _run(objective, spec, pipe)
            _send(pipe, message)
    except _ParentGone:
        pass
    except UserError as error:
        _send(pipe, UserErrorRaised(str(error)))
    except BaseException as error:
        _send(pipe, Failed(*_classify(error)))


class _ParentGone(BaseException):
    """The parent has died or closed the pipe; a BaseException, so no objective catches it."""


def _send(pipe: connection.Connection, message: Message) -> None:
    try:
        pipe.send(message)
    except OSError:
        raise _ParentGone from None


def _receive(pipe: connection.Connection) -> Any:
    try:
        return pipe.recv()
    except (EOFError, OSError):
        raise _ParentGone from None


def _end_with_parent() -> None:
    """Leave the terminal's process group, and die with the parent even during a computation.

    A thread watches the parent and ends this process and its children. A computation that never lets other threads run is
    ended by the kernel (Linux): it kills this process when the fork server ends, and the fork server ends with the parent
    once no worker holds its pipe of living clients.
    """
    os.setsid()
    if forkserver._forkserver._forkserver_alive_fd is not None:  # None where the process was spawned.
        os.close(forkserver._forkserver._forkserver_alive_fd)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    sentinel = parent_process().sentinel

    def watch() -> None:
        connection.wait([sentinel])
        os.killpg(0, signal.SIGKILL)  # With the children.

    threading.Thread(target=watch, daemon=True, name="parent watch").start()


def _prepare(job: WorkerJob) -> None:
    if job.device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = job.device
        # Windows differ in length, and blocks of fixed sizes fragment the memory: 9.9 GB in use took 17 GB.
        if "PYTORCH_CUDA_ALLOC_CONF" not in os.environ:  # Its older name; a user's value holds.
            os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # `training.determinism`: else its sums may differ.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(job.threads)
    if torch := sys.modules.get("torch"):  # Preloaded: it has read the environment before.
        torch.set_num_threads(job.threads)


def _new_objective(job: WorkerJob) -> Objective:
    module, name = job.objective.split(":")
    return getattr(importlib.import_module(module), name)(job.setup)


def _run(objective: Objective, spec: TrialSpec, pipe: connection.Connection) -> Message:
    stopped = False

    def report(epoch: EpochReport) -> bool:
        nonlocal stopped
        if stopped:
            raise TrialPruned
        if not math.isfinite(epoch.value):
            raise TrialDiverged(f"the value of epoch {epoch.epoch} is {epoch.value}")
        metrics = {str(name): float(value) for name, value in epoch.metrics.items()}
        cost = {str(name): float(number) for name, number in epoch.cost.items()}
        _send(pipe, Reported(EpochReport(int(epoch.epoch), float(epoch.value), metrics, cost)))
        go_on = _receive(pipe)
        stopped = not go_on
        return go_on

    try:
        outcome = objective(spec, report)
        if stopped:
            return Pruned()
        if not math.isfinite(outcome.value):
            raise TrialDiverged(f"the trial's value is {outcome.value}")
        metrics = {str(name): float(value) for name, value in outcome.metrics.items()}
        raw = None if outcome.raw_value is None else float(outcome.raw_value)
        return Finished(TrialOutcome(float(outcome.value), int(outcome.best_epoch), int(outcome.epochs_run), metrics, raw))
    except TrialPruned:
        return Pruned()
    except UserError as error:
        return UserErrorRaised(str(error))
    except _ParentGone:
        raise
    except BaseException as error:
        return Failed(*_classify(error))


def _classify(error: BaseException) -> tuple[Failure, str]:
    torch = sys.modules.get("torch")
    message = str(error)
    if isinstance(error, TrialDiverged):
        return Failure.DIVERGED, message[:300]
    if is_out_of_memory(error):
        return Failure.OUT_OF_MEMORY, where(error)
    if (isinstance(error, OSError) and error.errno in NO_SPACE) or any(sign in message for sign in NO_SPACE_SIGNS):
        return Failure.DISK, where(error)
    if torch and isinstance(error, torch.AcceleratorError):
        return Failure.DEVICE, where(error)
    if isinstance(error, RuntimeError) and message.startswith(("CUDA error", "cuDNN error", "CUDA driver error")):
        return Failure.DEVICE, where(error)
    return Failure.ERROR, where(error)


@contextlib.contextmanager
def _log(folder: Path | None, number: int) -> Any:
    """Write the output of the trial, also of libraries below Python, to a log file."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    log = os.open(folder / f"trial_{number:04d}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)  # A library may print a text.
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for target, copy in enumerate(saved, start=1):
            os.dup2(copy, target)
            os.close(copy)
