"""The process that runs trials: it makes the objective once, then runs each trial that arrives by its pipe.

It never opens the study. Nothing that an unknown exception says leaves it, since a message may hold post text:
only the exception's type and the places in the code.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from psy_agents.errors import UserError
from psy_agents.hpo.protocol import EpochReport, Objective, TrialDiverged, TrialOutcome, TrialPruned, TrialSpec
from psy_agents.hpo.records import Failure

FRAMES = 4


@dataclass(frozen=True)
class WorkerJob:
    """What a worker is started with.

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
    """The objective is made."""


@dataclass(frozen=True)
class Reported:
    """An epoch is over; the worker waits for True (go on) or False (stop)."""

    report: EpochReport


@dataclass(frozen=True)
class Finished:
    """The trial is over."""

    outcome: TrialOutcome


@dataclass(frozen=True)
class Pruned:
    """The trial left after the answer "stop"."""


@dataclass(frozen=True)
class Failed:
    """The trial failed, and the worker lives."""

    failure: Failure
    reason: str


@dataclass(frozen=True)
class Refused:
    """The objective cannot work, with these trials or any: a message for the user."""

    message: str


Message = Ready | Reported | Finished | Pruned | Failed | Refused


def serve(pipe: connection.Connection, job: WorkerJob) -> None:
    """A worker's whole life."""
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _prepare(job)
        objective = _new_objective(job)
        pipe.send(Ready())
        while (spec := pipe.recv()) is not None:
            with _log(job.log_dir, spec.number):
                message = _run(objective, spec, pipe)
            pipe.send(message)
    except (EOFError, ConnectionError):
        pass  # The parent has gone or let go of this worker.
    except UserError as error:
        pipe.send(Refused(str(error)))
    except BaseException as error:
        failure, reason = _classify(error)
        pipe.send(Failed(failure, reason))


def _end_with_parent() -> None:
    """Leave the terminal's process group, and die with the parent even in the midst of a computation."""
    os.setsid()
    sentinel = parent_process().sentinel

    def watch() -> None:
        connection.wait([sentinel])
        os.killpg(0, signal.SIGKILL)  # With whatever this worker has started.

    threading.Thread(target=watch, daemon=True, name="parent watch").start()


def _prepare(job: WorkerJob) -> None:
    if job.device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = job.device
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(job.threads)
    if torch := sys.modules.get("torch"):  # Preloaded: it has read the environment already.
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
        pipe.send(Reported(EpochReport(int(epoch.epoch), float(epoch.value), metrics)))
        go_on = pipe.recv()
        stopped = not go_on
        return go_on

    try:
        outcome = objective(spec, report)
        if stopped:
            return Pruned()
        if not math.isfinite(outcome.value):
            raise TrialDiverged(f"the trial's value is {outcome.value}")
        metrics = {str(name): float(value) for name, value in outcome.metrics.items()}
        return Finished(TrialOutcome(float(outcome.value), int(outcome.best_epoch), int(outcome.epochs_run), metrics))
    except TrialPruned:
        return Pruned()
    except UserError as error:
        return Refused(str(error))
    except (EOFError, ConnectionError):
        if not pipe_is_open(pipe):
            raise
        return Failed(Failure.ERROR, "the objective lost a connection of its own")
    except BaseException as error:
        return Failed(*_classify(error))


def pipe_is_open(pipe: connection.Connection) -> bool:
    """Whether the parent is still at the other end."""
    try:
        return not pipe.poll() or not pipe.closed
    except OSError:
        return False


def _classify(error: BaseException) -> tuple[Failure, str]:
    torch = sys.modules.get("torch")
    message = str(error)
    if isinstance(error, TrialDiverged):
        return Failure.DIVERGED, message[:300]
    if isinstance(error, MemoryError) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return Failure.OUT_OF_MEMORY, where(error)
    if isinstance(error, RuntimeError) and "can't allocate memory" in message:  # torch's CPU allocator
        return Failure.OUT_OF_MEMORY, where(error)
    if torch and isinstance(error, torch.AcceleratorError):
        return Failure.DEVICE, where(error)
    if isinstance(error, RuntimeError) and message.startswith(("CUDA error", "cuDNN error", "CUDA driver error")):
        return Failure.DEVICE, where(error)
    return Failure.ERROR, where(error)


def where(error: BaseException) -> str:
    """An exception's type, the types that caused it, and its last places in the code, without any message."""
    types = [type(error).__name__]
    cause = error.__cause__ or error.__context__
    while cause is not None and len(types) < FRAMES:
        types.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = ", ".join(f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}" for frame in frames)
    return f"{' from '.join(types)} at {places or 'an unknown place'}"


@contextlib.contextmanager
def _log(folder: Path | None, number: int) -> Any:
    """Send what the trial prints, from Python or below it, to a file of its own."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with (folder / f"trial_{number:04d}.log").open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for target, copy in enumerate(saved, start=1):
            os.dup2(copy, target)
            os.close(copy)
