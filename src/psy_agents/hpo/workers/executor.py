"""Whether trials run on this machine or on a Dask cluster, and how many at a time."""

from __future__ import annotations

from typing import Any

from psy_agents.errors import UserError
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.workers.dask.share import share
from psy_agents.hpo.workers.resources import local_worker_count


def worker_count(config: StageConfig, chosen: int | None = None) -> int:
    """Trials at a time: as many as requested, and no more than the stage has.

    Args:
        chosen: how many workers ``auto`` has made on this machine, where that is known.
    """
    if config.workers.count != "auto" or config.workers.executor.scheduler is None:
        return local_worker_count(config, chosen)
    workers = share().places(dask_workers().cluster_capacity(config.workers.executor, config.workers.timeouts.startup))
    return min(workers, config.n_trials or workers)


def dask_workers() -> Any:
    """`psy_agents.hpo.workers.dask.worker`, whose packages are an extra."""
    try:
        from psy_agents.hpo.workers.dask import worker
    except ModuleNotFoundError as error:
        if error.name not in ("dask", "distributed"):
            raise
        raise UserError(
            'The executor "dask" needs the package distributed: pip install -c requirements.lock -e ".[cluster]"'
        ) from None
    return worker
