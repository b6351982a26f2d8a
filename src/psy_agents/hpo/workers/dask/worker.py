"""Slots on a Dask cluster: one long-lived Dask task each, which keeps a worker process beside its Dask worker.

Dask decides where a task runs and carries the messages; what happens after a loss is decided by the stage alone.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
import uuid
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from psy_agents.hpo.config import ExecutorConfig, StageConfig, Timeouts
from psy_agents.hpo.protocol import TrialSpec
from psy_agents.hpo.study.records import Failure
from psy_agents.hpo.workers.dask.cluster import DaskCluster, Relay
from psy_agents.hpo.workers.dask.relay import RemoteJob
from psy_agents.hpo.workers.dask.share import share
from psy_agents.hpo.workers.resources import local_worker_count, visible_gpus
from psy_agents.hpo.workers.worker import Lost, Slot
from psy_agents.hpo.workers.worker_process import WorkerJob

log = logging.getLogger(__name__)

SEEN = ".shared"  # A file beside the weights, by which a Dask worker knows that it sees the same disk.


class DaskSlot(Slot):
    """A slot whose worker runs beside a Dask worker; its pipe is fed by Dask's threads."""

    def __init__(self, index: int, job: RemoteJob, timeouts: Timeouts, cluster: DaskCluster) -> None:
        super().__init__(index, job.job, timeouts)
        self._remote_job, self._cluster = job, cluster
        self._relay: Relay | None = None

    @property
    def allowed(self) -> bool:
        """Only as many of them as are this search's part of the cluster, where several searches share it."""
        return self._cluster.shared is None or self.index < share().places(self._cluster.shared)

    def start(self) -> None:
        self._pipe, feed = multiprocessing.Pipe(duplex=False)
        self.state, self.trials_run = "starting", 0
        self._silence, self._total = time.monotonic() + self._timeouts.startup, None
        self._relay = self._cluster.submit(self._remote_job, feed)

    def dispatch(self, spec: TrialSpec) -> None:
        # A relative path means another folder there.
        super().dispatch(replace(spec, checkpoint=None if spec.checkpoint is None else spec.checkpoint.absolute()))

    def waitables(self) -> list[Any]:
        return [] if self.state == "down" else [self._pipe]

    def _end_worker(self) -> None:
        """Without waiting for the remote process: Dask gives its place on when it has ended."""
        if self._relay is not None:
            self._cluster.end(self._relay)

    def _wait_for_end(self, patience: float) -> None:
        self._relay.ended.wait(patience)

    def _write(self, message: Any) -> None:
        self._cluster.send(self._relay, message)

    def _alive(self) -> bool:
        return not self._relay.ended.is_set()

    def _exit(self) -> str:
        return self._relay.reason

    def _overdue(self) -> Lost | None:
        """A start counts from when Dask has found a worker for it; there is no hurry while other slots have one."""
        if self.state != "starting" or time.monotonic() < self._silence:
            return super()._overdue()
        since = self._relay.placed
        if since is None:
            turn = self._cluster.others_work
            if not turn and self._cluster.taken:
                log.info("slot %d waits for a place on the cluster: others have those that fit", self.index)
                turn = True
            since = time.monotonic() if turn else self._cluster.alone_since
        self._silence = max(self._silence, since + self._timeouts.startup)
        if time.monotonic() < self._silence:
            return None
        if self._relay.placed is None:
            return Lost(Failure.DIED, f"no Dask worker had room for it within {self._timeouts.startup:g} s")
        return super()._overdue()


def new_slots(
    stack: ExitStack, config: StageConfig, job: WorkerJob, preload: tuple[str, ...], most: int, checkpoints: Path | None
) -> list[Slot]:
    """Connect to the stage's cluster, until the stack is closed, and make its slots.

    Args:
        job: with 0 threads, each machine's cores are shared evenly by its slots.
        most: slots at the most.
        checkpoints: the folder of weights, which every Dask worker must see; None where no weights are kept.

    Raises:
        UserError: see `DaskCluster`.
    """
    own = config.workers.executor.scheduler is None
    workers = min(local_worker_count(config), most) if own else 0
    cluster = stack.enter_context(DaskCluster(config.workers.executor, config.workers.timeouts.startup, workers))
    if config.workers.count == "auto":
        cluster.shared = cluster.capacity
    n_slots = cluster.n_slots = min(cluster.shared or config.workers.count, most)
    seen = None if own or checkpoints is None else _leave_mark(checkpoints, stack)
    gpus = visible_gpus() if own else []
    job = replace(job, log_dir=None if job.log_dir is None else job.log_dir.absolute())
    return [
        DaskSlot(
            index,
            RemoteJob(replace(job, device=gpus[index % len(gpus)] if gpus else None), preload, seen),
            config.workers.timeouts,
            cluster,
        )
        for index in range(n_slots)
    ]


def cluster_capacity(executor: ExecutorConfig, startup: float) -> int:
    """Trials that a cluster can run at a time as it is now."""
    with DaskCluster(executor, startup) as cluster:
        return cluster.capacity


def _leave_mark(folder: Path, stack: ExitStack) -> tuple[Path, str]:
    mark, content = folder.absolute() / SEEN, uuid.uuid4().hex
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(content, encoding="utf-8")
    stack.callback(mark.unlink, missing_ok=True)
    return mark, content
