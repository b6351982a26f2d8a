"""A Dask cluster of this machine's, as processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
from distributed import Client
from support.waiting import PATIENCE, wait_for


@dataclass(frozen=True)
class Cluster:
    address: str
    log: Path
    scheduler: subprocess.Popen
    workers: subprocess.Popen

    @property
    def executor(self) -> dict:
        return {"name": "dask", "scheduler": self.address}

    def trial_processes(self) -> list[psutil.Process]:
        """Those below the Dask workers; each is forked by a fork server of the same command line."""
        below = psutil.Process(self.workers.pid).children(recursive=True)
        return [each for each in below if _forked(each) and _forked(each.parent())]


@contextlib.contextmanager
def started(folder: Path, n_workers: int, n_threads: int = 1):
    """A scheduler and Dask workers with a GPU for each thread, as they say; all have ended with the block."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "DASK_DISTRIBUTED__WORKER__DAEMON": "False", "OMP_NUM_THREADS": "1"}
    file = folder / "scheduler.json"
    start = [sys.executable, "-m", "dask"]
    at = ["--scheduler-file", str(file), "--no-dashboard"]
    each = ["--nthreads", str(n_threads), "--resources", f"GPU={n_threads}", "--memory-limit", "0"]
    worker = ["worker", *at, "--nworkers", str(n_workers), *each]
    commands = [["scheduler", *at, "--host", "127.0.0.1", "--port", "0"], [*worker, "--local-directory", str(folder)]]
    with (folder / "log").open("wb") as log:
        processes = [subprocess.Popen([*start, *each], env=env, stdout=log, stderr=log) for each in commands]
        try:
            wait_for(lambda: file.exists() and file.read_text().endswith("}"))
            address = json.loads(file.read_text())["address"]
            with Client(address, timeout=PATIENCE, set_as_default=False) as client:
                client.wait_for_workers(n_workers, PATIENCE)
            yield Cluster(address, folder / "log", *processes)
        finally:
            family = psutil.Process(processes[1].pid).children(recursive=True)
            for each in reversed(processes):
                each.terminate()
                each.wait(PATIENCE)
            alive = psutil.wait_procs(family, timeout=PATIENCE)[1]
            for process in alive:
                process.kill()
            assert alive == []


def _forked(process: psutil.Process | None) -> bool:
    with contextlib.suppress(psutil.Error):
        return process is not None and "forkserver" in " ".join(process.cmdline())
    return False
