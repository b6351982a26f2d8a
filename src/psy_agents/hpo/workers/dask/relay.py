"""The Dask task of a worker: it starts a worker process next to the Dask worker and relays the messages.

A crash, a hang or a broken device ends that process and never the Dask worker. Messages to the search are events of the Dask
worker; messages from the search are calls of `deliver`.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import pickle
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import connection
from pathlib import Path
from typing import Any

from distributed import Worker as DaskWorker
from distributed import get_worker
from distributed.core import Status

from psy_agents import __version__
from psy_agents.errors import UserError, where
from psy_agents.hpo.config import Timeouts
from psy_agents.hpo.protocol import TrialSpec
from psy_agents.hpo.study.records import Failure
from psy_agents.hpo.workers.dask.gpu_claims import GpuClaims
from psy_agents.hpo.workers.resources import cpu_cores, visible_gpus
from psy_agents.hpo.workers.worker import Worker, WorkerLost, preload
from psy_agents.hpo.workers.worker_process import UserErrorRaised, WorkerJob

TICK = 0.5  # Seconds between two checks whether the task is still wanted.
MARKER_TIMEOUT = 10.0  # Seconds that a network file system may take to show a new file.
NO_LIMIT = Timeouts(startup=math.inf, silence=None)  # The search enforces the timeouts.


@dataclass(frozen=True)
class Handshake:
    """The first message of a task: where it runs, with how many cores, and with which version of this package."""

    address: str
    host: str
    cores: int
    version: str = __version__


@dataclass(frozen=True)
class RemoteJob:
    """What the worker process is started with.

    Attributes:
        job: with device None, the Dask worker's least used GPU is taken, and by no other Dask worker meanwhile.
        marker: a file on the shared disk and its content; None where no weights are kept.
    """

    job: WorkerJob
    preload: tuple[str, ...]
    marker: tuple[Path, str] | None


class PrivateMessage:
    """A message whose content Dask never logs: the setup holds posts."""

    def __init__(self, message: Any) -> None:
        self._data = pickle.dumps(message)

    def open(self) -> Any:
        return pickle.loads(self._data)

    def __repr__(self) -> str:
        return f"<{len(self._data)} bytes>"


class _Inbox:
    """Messages from the search, put on Dask's event loop and read by the task's thread."""

    def __init__(self) -> None:
        self._messages: deque[PrivateMessage] = deque()
        self.wake, self._waker = multiprocessing.Pipe(duplex=False)
        self.ended = False

    def put(self, message: PrivateMessage) -> None:
        self._messages.append(message)
        self._waker.send_bytes(b"!")

    def end(self) -> None:
        self.ended = True
        self._waker.send_bytes(b"!")

    def take(self) -> Iterator[Any]:
        while self.wake.poll():
            self.wake.recv_bytes()
        while self._messages:
            yield self._messages.popleft().open()

    def close(self) -> None:
        self.wake.close()
        self._waker.close()


_inboxes: dict[str, _Inbox] = {}
_gpus = GpuClaims()
_lock = threading.Lock()


async def deliver(name: str, message: PrivateMessage) -> bool:
    """Hand a message to the relay of that name in this Dask worker; False where there is none."""
    with _lock:
        inbox = _inboxes.get(name)
        if inbox is not None:
            inbox.put(message)
    return inbox is not None


async def end(name: str) -> None:
    """End the relay of that name and its process, and return when they have ended."""
    with _lock:
        if name in _inboxes:
            _inboxes[name].end()
    while name in _inboxes:
        await asyncio.sleep(0.02)


def relay(name: str, topic: str) -> None:
    """Run as a Dask task until the search ends it, the search is gone, or the process has ended.

    The process starts when the search has answered the handshake. The search answers only the first one: a task that Dask
    restarts because a Dask worker was lost does nothing.
    """
    dask_worker = get_worker()
    key = dask_worker.get_current_task()
    inbox = _Inbox()
    with _lock:
        _inboxes[name] = inbox

    def send(message: Any) -> None:
        dask_worker.log_event(topic, {"name": name, "message": pickle.dumps(message)})

    def wanted() -> bool:
        task = dask_worker.state.tasks.get(key)
        running = task is not None and task.state in ("executing", "long-running")
        return running and not inbox.ended and dask_worker.status in (Status.running, Status.paused)

    try:
        send(Handshake(dask_worker.address, dask_worker.ip, cpu_cores()))
        job = _first(inbox, wanted)
        if job is None:
            return
        refusal = _refusal(job, dask_worker, wanted)
        if refusal is not None:
            send(UserErrorRaised(refusal))
            return
        with _device(job.job, dask_worker) as device:
            preload(job.preload)
            worker = Worker(0, replace(job.job, device=device), NO_LIMIT)
            try:
                worker.start()
                _pass_on(worker, inbox, send, wanted)
            finally:
                worker.kill()
    except UserError as error:
        send(UserErrorRaised(str(error)))
    except Exception as error:  # Dask would log and keep its message.
        send(WorkerLost(Failure.DIED, where(error)))
    finally:
        with _lock:
            del _inboxes[name]
            inbox.close()


def _first(inbox: _Inbox, wanted: Any) -> RemoteJob | None:
    while wanted():
        connection.wait([inbox.wake], TICK)
        for job in inbox.take():
            return job
    return None


def _refusal(job: RemoteJob, dask_worker: DaskWorker, wanted: Any) -> str | None:
    if multiprocessing.current_process().daemon:
        return (
            f"The Dask worker {dask_worker.address} may start no process: start it with the environment variable "
            f"DASK_DISTRIBUTED__WORKER__DAEMON=False, or with --no-nanny."
        )
    if job.marker is not None and not _sees_marker(*job.marker, wanted):
        return (
            f"The Dask worker {dask_worker.address} does not see the folder of weights {job.marker[0].parent}: put it on a disk "
            f"that all machines share (hpo.paths.checkpoints), or set keep_checkpoints to 0."
        )
    return None


def _sees_marker(file: Path, content: str, wanted: Any) -> bool:
    deadline = time.monotonic() + MARKER_TIMEOUT
    while wanted():
        if file.parent.is_dir() and file.name in os.listdir(file.parent):  # Listing a folder refreshes NFS's cache.
            return file.read_text(encoding="utf-8") == content
        if time.monotonic() >= deadline:
            return False
        time.sleep(TICK)
    return False


@contextmanager
def _device(job: WorkerJob, dask_worker: DaskWorker) -> Iterator[str | None]:
    """The job's device, else the one of this Dask worker's that the fewest of its trials use."""
    gpus = visible_gpus() if job.device is None else []
    if not gpus:
        yield job.device
        return
    # Without the variable every Dask worker of the machine sees all its GPUs.
    own = "CUDA_VISIBLE_DEVICES" in os.environ
    with _gpus.least_used(gpus, None if own else _places(dask_worker)) as gpu:
        yield gpu


def _places(dask_worker: DaskWorker) -> int:
    """GPUs that a Dask worker may use: as many as it declares, else one for each of its threads."""
    return math.ceil(dask_worker.state.total_resources.get("GPU", 0)) or dask_worker.state.nthreads


def _pass_on(worker: Worker, inbox: _Inbox, send: Any, wanted: Any) -> None:
    while wanted():
        connection.wait([inbox.wake, *worker.waitables()], TICK)
        for message in inbox.take():
            match message:
                case TrialSpec():
                    worker.dispatch(message)
                case bool():
                    worker.answer(message)
                case None:
                    worker.retire()
                    return
        for message in worker.messages():
            send(message)
            if isinstance(message, WorkerLost):
                return
