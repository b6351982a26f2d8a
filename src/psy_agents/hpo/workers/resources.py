"""This machine's GPUs and cores, and the number of workers for them."""

from __future__ import annotations

import os
from pathlib import Path

from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.workers.cgroups import cpu_quota


def local_worker_count(config: StageConfig, on_cpu: int | None = None) -> int:
    """Trials at a time on this machine: as many as requested, and no more than the stage has.

    Args:
        on_cpu: how many workers ``auto`` makes on CPU, where that is known; else as many as cores.
    """
    automatic = len(visible_gpus()) * config.workers.per_gpu or on_cpu or cpu_cores()
    workers = automatic if config.workers.count == "auto" else config.workers.count
    return min(workers, config.n_trials or workers)


def visible_gpus() -> list[str]:
    """The GPUs' names for CUDA_VISIBLE_DEVICES; torch is imported only where a driver is installed."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    if not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/dxg").exists() and not Path("/dev/kfd").exists():
        return []
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def cpu_cores() -> int:
    """Cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()  # More threads than a container's quota only wait for each other.
    return cores if quota is None else max(1, min(cores, int(quota)))
