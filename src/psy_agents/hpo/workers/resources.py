"""This machine's GPUs and cores, and the number of workers for them."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from pathlib import Path

from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.workers.cgroups import cpu_quota


def local_worker_count(config: StageConfig, chosen: int | None = None) -> int:
    """Trials at a time on this machine: as many as requested, and no more than the stage has.

    Args:
        chosen: how many workers ``auto`` has made, where that is known; else one for each GPU, or for each core.
    """
    gpus, per_gpu = len(visible_gpus()), config.workers.per_gpu
    automatic = gpus * per_gpu if gpus and per_gpu != "auto" else chosen or gpus or cpu_cores()
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


def device_name() -> str:
    """What trials run on, in words: the GPU's model as its driver gives it, or the CPU's with the number of its cores."""
    gpus = visible_gpus()
    if gpus:
        with contextlib.suppress(OSError, subprocess.SubprocessError):  # Another vendor's GPU, or no tool beside the driver.
            command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader", f"--id={gpus[0]}"]
            name = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout.strip()
            return f"{len(gpus)} x {name}" if len(gpus) > 1 else name
        return f"{len(gpus)} GPU{'s' if len(gpus) > 1 else ''}"
    return f"{_cpu_model()}, {cpu_cores()} core{'s' if cpu_cores() > 1 else ''}"


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def cpu_cores() -> int:
    """Cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()  # More threads than a container's quota only wait for each other.
    return cores if quota is None else max(1, min(cores, int(quota)))
