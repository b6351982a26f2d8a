"""Which process an MLflow run belongs to, so that a later run can end those of processes that were killed."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from psy_agents.files.processes import is_alive

if TYPE_CHECKING:
    from mlflow import MlflowClient

PROCESS = "process"
"""The tag: host and process id."""


def process_tag() -> dict[str, str]:
    """The tag of this process."""
    return {PROCESS: f"{socket.gethostname()} {os.getpid()}"}


def end_runs_of_dead_processes(client: MlflowClient, experiment: str) -> int:
    """End as KILLED what MLflow shows as running though its process on this host is gone; returns how many runs.

    A run without the tag, or of another host, stays as it is.
    """
    open_runs = client.search_runs([experiment], "attributes.status = 'RUNNING'")
    dead = [run.info.run_id for run in open_runs if _is_dead(run.data.tags.get(PROCESS, ""))]
    for run in dead:
        client.set_terminated(run, "KILLED")
    return len(dead)


def _is_dead(tag: str) -> bool:
    host, _, number = tag.rpartition(" ")
    return host == socket.gethostname() and number.isdecimal() and not is_alive(int(number))
