"""The connection to a Dask cluster, and its tasks, each of which runs a worker process."""

from __future__ import annotations

import asyncio
import logging
import pickle
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent import futures
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import dask
from distributed import Client, LocalCluster

from psy_agents import __version__
from psy_agents.errors import UserError, where
from psy_agents.hpo.config import ExecutorConfig
from psy_agents.hpo.workers.dask import relay as dask_relay
from psy_agents.hpo.workers.dask.relay import Handshake, PrivateMessage, RemoteJob
from psy_agents.hpo.workers.dask.share import share
from psy_agents.hpo.workers.worker_process import UserErrorRaised

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 30.0  # Seconds for the scheduler to answer.
END_TIMEOUT = 10.0  # Seconds for remote processes to end.
TASK_PREFIX = "psy_agents-worker-"  # Of the keys of Dask tasks.


@dataclass
class Relay:
    """The search's side of a Dask task that runs a worker process."""

    name: str
    job: RemoteJob
    feed: Any
    address: str | None = None
    placed: float | None = None
    future: Any = None
    ended: threading.Event = field(default_factory=threading.Event)
    reason: str = "its Dask task ended"

    def mark_lost(self, reason: str) -> None:
        if not self.ended.is_set():
            self.reason = reason
            self.ended.set()
            self.feed.close()  # The stage wakes up.

    def forward(self, message: bytes) -> None:
        if not self.ended.is_set():
            with suppress(OSError):  # The worker has closed its end.
                self.feed.send_bytes(message)


class DaskCluster:
    """The connection to a cluster, while a stage runs.

    Args:
        startup: seconds for a worker with the requested resources to start.
        workers: Dask workers of a cluster of this machine's own, where no scheduler is given.

    Raises:
        UserError: the scheduler does not answer, or no worker has the requested resources.
    """

    def __init__(self, executor: ExecutorConfig, startup: float, workers: int = 1) -> None:
        self._executor, self._startup, self._workers = executor, startup, workers
        self._topic = f"psy_agents-{uuid.uuid4().hex}"
        self._relays: dict[str, Relay] = {}
        self._endings: list[futures.Future] = []
        self._own: LocalCluster | None = None
        self.alone_since = time.monotonic()
        self.n_workers, self.shared = 1, None

    def __enter__(self) -> DaskCluster:
        logging.getLogger("distributed").setLevel(logging.WARNING)
        address = self._executor.scheduler
        if address is None:
            self._own = _own_cluster(self._workers, self._executor.gpus)
            address = self._own.scheduler_address
        try:
            try:
                self.client = Client(address, timeout=min(CONNECT_TIMEOUT, self._startup), set_as_default=False, name="psy_agents")
            except (OSError, ValueError) as error:
                raise UserError(
                    f"The Dask scheduler {address} does not answer ({where(error)}): is it running, and may this machine reach it?"
                ) from None
            self._wait_for_worker()
        except BaseException:
            self._close()
            raise
        self.client.subscribe_topic(self._topic, self._message_received)
        self.client.subscribe_topic("all", self._cluster_event)
        return self

    def __exit__(self, *_: object) -> None:
        for relay in self._relays.values():
            self._endings.append(self._on_loop(self._end(relay)))
        futures.wait(self._endings, END_TIMEOUT)
        if self.client.status == "running":
            for topic in (self._topic, "all"):  # Else the scheduler logs warnings about a missing client.
                self.client.unsubscribe_topic(topic)
        self._close()

    def _close(self) -> None:
        if hasattr(self, "client"):
            self.client.close()
        if self._own is not None:
            self._own.close()

    @property
    def capacity(self) -> int:
        """Trials that the cluster's workers can run at a time."""
        return sum(self._capacities().values())

    @property
    def any_placed(self) -> bool:
        """Whether any worker process runs."""
        return any(relay.placed is not None and not relay.ended.is_set() for relay in list(self._relays.values()))

    @property
    def busy_with_others(self) -> bool:
        """Whether trials of other searches run where trials of this one could."""
        self._refresh()
        own = {f"{TASK_PREFIX}{name}" for name in self._relays}
        busy = {address for address, keys in self._query(self.client.processing).items() if set(keys) - own}
        return any(self._capacities().get(address) for address in busy)

    def submit(self, job: RemoteJob, feed: Any) -> Relay:
        """Ask Dask to run a relay somewhere; its messages are written to ``feed``."""
        self._refresh()
        relay = Relay(uuid.uuid4().hex, job, feed)
        self._relays[relay.name] = relay
        relay.future = self.client.submit(
            dask_relay.relay,
            relay.name,
            self._topic,
            key=f"{TASK_PREFIX}{relay.name}",
            pure=False,
            retries=0,
            resources={"GPU": self._gpus()} if self._gpus() else None,
        )
        relay.future.add_done_callback(partial(self._task_ended, relay))
        return relay

    def send(self, relay: Relay, message: Any) -> None:
        """Hand a message to a relay, without waiting; a relay that cannot be reached is lost."""
        self._on_loop(self._deliver(relay, message))

    def end(self, relay: Relay) -> None:
        """End a relay and its process, without waiting."""
        if self._relays.pop(relay.name, None) is not None:
            self.alone_since = time.monotonic()
            self._endings.append(self._on_loop(self._end(relay)))

    def _refresh(self) -> None:
        """Ask the scheduler for its workers."""
        self._info = self._query(partial(self.client.scheduler_info, n_workers=-1)).get("workers", {})

    def _query(self, question: Callable[[], Any]) -> Any:
        try:
            answer = question()
            lost = self.client.status != "running"  # Then Dask answers from what it knew before.
        except (OSError, RuntimeError, futures.CancelledError):
            lost = True
        if lost:
            raise UserError(
                f"The connection to the Dask scheduler {self._executor.scheduler or ''} was lost: what was computed is stored; "
                f"once the scheduler runs, run the same command again to continue."
            )
        return answer

    def _wait_for_worker(self) -> None:
        deadline = time.monotonic() + self._startup
        self._refresh()
        if not self.capacity:
            log.info("waiting for a Dask worker %s", self._requirement())
        while not self.capacity:
            if time.monotonic() >= deadline:
                raise UserError(
                    f"No Dask worker {self._requirement()} within {self._startup:g} s. The cluster has "
                    f"{_summary(self._info)}: start workers with --resources GPU=1, or change hpo.workers.executor.gpus."
                )
            time.sleep(0.2)
            self._refresh()

    def _gpus(self) -> float:
        if self._executor.gpus is not None:
            return self._executor.gpus
        return 1 if any(worker["resources"].get("GPU") for worker in self._info.values()) else 0

    def _requirement(self) -> str:
        gpus = self._gpus()
        return f"with the resource GPU of {gpus:g}" if gpus else "at all"

    def _capacities(self) -> dict[str, int]:
        gpus = self._gpus()

        def capacity(worker: Mapping[str, Any]) -> int:
            return min(worker["nthreads"], int(worker["resources"].get("GPU", 0) / gpus)) if gpus else worker["nthreads"]

        return {address: capacity(worker) for address, worker in self._info.items()}

    def _threads(self, handshake: Handshake) -> int:
        """The cores of the relay's machine, shared evenly by all trials that may run on it."""
        capacities = self._capacities()
        here = sum(capacities[address] for address, worker in self._info.items() if worker["host"] == handshake.host)
        at_once = here if share().of > 1 else min(here, self.n_workers)
        return max(1, handshake.cores // max(1, at_once))

    # What follows runs on Dask's own threads.

    def _message_received(self, event: tuple[float, Mapping[str, Any]]) -> None:
        name, message = event[1]["name"], event[1]["message"]
        relay = self._relays.get(name)
        if relay is None:
            return
        handshake = pickle.loads(message)
        if not isinstance(handshake, Handshake):
            relay.forward(message)
        elif relay.address is not None:
            relay.mark_lost(f"its Dask worker {relay.address} was lost")  # Dask has started it a second time.
        else:
            relay.address, relay.placed = handshake.address, time.monotonic()
            self._answer_handshake(relay, handshake)

    def _answer_handshake(self, relay: Relay, handshake: Handshake) -> None:
        if handshake.version != __version__:
            text = (
                f"The Dask worker {handshake.address} has psy_agents {handshake.version}, and this machine {__version__}: "
                f"install the same."
            )
            relay.forward(pickle.dumps(UserErrorRaised(text)))
            return
        job = relay.job
        if job.job.threads == 0:
            job = replace(job, job=replace(job.job, threads=self._threads(handshake)))
        self.send(relay, job)

    def _cluster_event(self, event: tuple[float, Any]) -> None:
        if isinstance(event[1], Mapping) and event[1].get("action") == "remove-worker":
            for relay in list(self._relays.values()):
                if relay.address == event[1]["worker"]:
                    relay.mark_lost(f"its Dask worker {relay.address} was lost")

    def _task_ended(self, relay: Relay, future: Any) -> None:
        reasons = {"cancelled": "Dask cancelled its task", "lost": "the Dask scheduler was lost"}
        if future.status == "error":
            relay.mark_lost(f"its Dask task failed: {where(future.exception())}")
        else:
            relay.mark_lost(reasons.get(future.status, "its Dask task ended"))

    def _on_loop(self, coroutine: Any) -> futures.Future:
        return asyncio.run_coroutine_threadsafe(coroutine, self.client.loop.asyncio_loop)

    async def _deliver(self, relay: Relay, message: Any) -> None:
        try:
            answers = await self.client._run(dask_relay.deliver, relay.name, PrivateMessage(message), workers=[relay.address])
        except Exception as error:
            relay.mark_lost(f"its Dask worker {relay.address} cannot be reached ({where(error)})")
        else:
            if not answers.get(relay.address):
                log.debug("the relay on %s had ended before the message arrived", relay.address)

    async def _end(self, relay: Relay) -> None:
        try:
            if relay.address is not None and not relay.ended.is_set():
                request = self.client._run(dask_relay.end, relay.name, workers=[relay.address])
                await asyncio.wait_for(request, END_TIMEOUT)
        except Exception as error:
            log.debug("the relay on %s could not be ended: %s", relay.address, where(error))
        finally:
            await self.client._cancel([relay.future])  # A relay that was not reached sees that its task is cancelled.


def _own_cluster(workers: int, gpus: float | None) -> LocalCluster:
    # Dask's workers are daemons by default, and a daemon may start no process.
    with dask.config.set({"distributed.worker.daemon": False}):
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            memory_limit=0,
            resources={"GPU": gpus} if gpus else None,
        )


def _summary(workers: Mapping[str, Any]) -> str:
    if not workers:
        return "no workers"
    gpus = [worker["resources"].get("GPU", 0) for worker in workers.values()]
    return f"{len(workers)} workers with GPU of {', '.join(f'{gpu:g}' for gpu in gpus)}"
