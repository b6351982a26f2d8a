"""Workers on a Dask cluster: each is a long-lived Dask task that runs a worker process next to its Dask worker.

Dask places the tasks and carries the messages. The stage alone decides what happens after a loss.
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
from psy_agents.hpo.workers.worker import Worker, WorkerLost
from psy_agents.hpo.workers.worker_process import WorkerJob

log = logging.getLogger(__name__)

MARKER = ".shared"  # A file next to the weights: a Dask worker that reads it sees the same disk.


class RemoteWorker(Worker):
    """A worker whose process runs next to a Dask worker; Dask's threads write to its pipe."""

    def __init__(self, index: int, job: RemoteJob, timeouts: Timeouts, cluster: DaskCluster) -> None:
        super().__init__(index, job.job, timeouts)
        self._remote_job, self._cluster = job, cluster
        self._relay: Relay | None = None

    @property
    def allowed(self) -> bool:
        """Where several searches share the cluster, only this search's share of workers is allowed."""
        return self._cluster.shared is None or self.index < share().places(self._cluster.shared)

    def start(self) -> None:
        self._pipe, feed = multiprocessing.Pipe(duplex=False)
        self.state, self.trials_run = "starting", 0
        self._report_timeout_at, self._trial_timeout_at = time.monotonic() + self._timeouts.startup, None
        self._relay = self._cluster.submit(self._remote_job, feed)

    def dispatch(self, spec: TrialSpec) -> None:
        # A relative path means another folder there.
        super().dispatch(replace(spec, checkpoint=None if spec.checkpoint is None else spec.checkpoint.absolute()))

    def waitables(self) -> list[Any]:
        return [] if self.state == "down" else [self._pipe]

    def _end_worker(self) -> None:
        """Does not wait for the remote process: Dask reuses its place when it has ended."""
        if self._relay is not None:
            self._cluster.end(self._relay)

    def _wait_for_end(self, patience: float) -> None:
        self._relay.ended.wait(patience)

    def _write(self, message: Any) -> None:
        self._cluster.send(self._relay, message)

    def _alive(self) -> bool:
        return not self._relay.ended.is_set()

    def _exit_reason(self) -> str:
        return self._relay.reason

    def _exceeded_timeout(self) -> WorkerLost | None:
        """The start timeout counts from when Dask has placed the task; it is suspended while other workers run."""
        if self.state != "starting" or time.monotonic() < self._report_timeout_at:
            return super()._exceeded_timeout()
        since = self._relay.placed
        if since is None:
            suspended = self._cluster.any_placed
            if not suspended and self._cluster.busy_with_others:
                log.info("worker %d waits for a place on the cluster: other searches use those that fit", self.index)
                suspended = True
            since = time.monotonic() if suspended else self._cluster.alone_since
        self._report_timeout_at = max(self._report_timeout_at, since + self._timeouts.startup)
        if time.monotonic() < self._report_timeout_at:
            return None
        if self._relay.placed is None:
            return WorkerLost(Failure.DIED, f"no Dask worker had room for it within {self._timeouts.startup:g} s")
        return super()._exceeded_timeout()


def new_workers(
    stack: ExitStack, config: StageConfig, job: WorkerJob, preload: tuple[str, ...], most: int, checkpoints: Path | None
) -> list[Worker]:
    """Connect to the stage's cluster, until the stack is closed, and make its workers.

    Args:
        job: with 0 threads, each machine's cores are shared evenly by its workers.
        most: workers at the most.
        checkpoints: the folder of weights, which every Dask worker must see; None where no weights are kept.

    Raises:
        UserError: see `DaskCluster`.
    """
    own = config.workers.executor.scheduler is None
    workers = min(local_worker_count(config), most) if own else 0
    cluster = stack.enter_context(DaskCluster(config.workers.executor, config.workers.timeouts.startup, workers))
    if config.workers.count == "auto":
        cluster.shared = cluster.capacity
    n_workers = cluster.n_workers = min(cluster.shared or config.workers.count, most)
    marker = None if own or checkpoints is None else _write_marker(checkpoints, stack)
    gpus = visible_gpus() if own else []
    job = replace(job, log_dir=None if job.log_dir is None else job.log_dir.absolute())
    return [
        RemoteWorker(
            index,
            RemoteJob(replace(job, device=gpus[index % len(gpus)] if gpus else None), preload, marker),
            config.workers.timeouts,
            cluster,
        )
        for index in range(n_workers)
    ]


def cluster_capacity(executor: ExecutorConfig, startup: float) -> int:
    """Trials that a cluster can run at a time as it is now."""
    with DaskCluster(executor, startup) as cluster:
        return cluster.capacity


def _write_marker(folder: Path, stack: ExitStack) -> tuple[Path, str]:
    marker, content = folder.absolute() / MARKER, uuid.uuid4().hex
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(content, encoding="utf-8")
    stack.callback(marker.unlink, missing_ok=True)
    return marker, content
