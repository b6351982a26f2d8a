"""Parameters of version 0.1 that were moved or renamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from psy_agents.agents.registry import AGENTS
from psy_agents.app.parameter_errors import Key

_WORKERS = {
    "executor": "executor",
    "threads_per_worker": "threads",
    "trials_per_gpu": "per_gpu",
    "memory_per_worker": "memory_gib",
    "timeouts": "timeouts",
    "max_retries": "max_retries",
    "trials_per_worker": "trials_per_worker",
}
_RUNS = ("stage0", "stage1", "stage2", "maximal", "refit")
_IN_WORKERS = {
    ("hpo", run, old): f"hpo.workers.{new}, or hpo.{run}.workers.{new} for {run} alone"
    for run in _RUNS
    for old, new in _WORKERS.items()
}
_IN_STAGES = {
    ("hpo", run, *old): f"hpo.{run}.{new}"
    for run in _RUNS
    for old, new in {
        ("refine", "method"): "refine.name",
        ("pruner", "startup_trials"): "pruner.n_startup_trials",
        ("pruner", "warmup_fraction"): "pruner.warmup_ratio",
    }.items()
}
_IN_SPACES = {
    ("search_space", size, part): f"search_space.{size}, one map for all agents"
    for size in ("small", "large")
    for part in ("common", *AGENTS)
}
NEW_PLACES: dict[Key, str] = {
    ("hpo", "executor"): "hpo.workers.executor",
    ("search_space", "baselines"): "search_space.first_trials",
    **_IN_WORKERS,
    **_IN_STAGES,
    **_IN_SPACES,
}
"""By old key: the new place."""


def old_parameters(values: Mapping[str, Any]) -> Iterator[tuple[Key, str]]:
    """The old keys among the values, each with its new place."""
    for key, new in NEW_PLACES.items():
        if _holds(values, key):
            yield key, new
    for run in _RUNS:
        key = ("hpo", run, "workers")
        if _holds(values, key) and not isinstance(values["hpo"][run]["workers"], Mapping):
            yield key, f"hpo.workers.count, or hpo.{run}.workers.count for {run} alone"


def _holds(values: Any, key: Key) -> bool:
    for name in key:
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True
