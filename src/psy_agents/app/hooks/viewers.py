"""Hook that logs the commands to watch a running search in a browser."""

from __future__ import annotations

import logging
import shlex
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node

from psy_agents.datasets.project import shown_path
from psy_agents.pipelines.bundles import sections
from psy_agents.pipelines.tags import stage_of

log = logging.getLogger(__name__)

LOCAL_SERVER = "http://127.0.0.1:5000"
"""Where ``mlflow ui`` answers."""


def shown_store(address: str) -> str:
    """Where the studies are, without a password: a file relative to the project, or a database's URL."""
    from psy_agents.hpo.study.store import shown_url

    return shown_url(address) if "://" in address else shown_path(address)


def dashboard_command(address: str) -> str:
    """The command for the studies; a database password is replaced by ``***``."""
    from psy_agents.hpo.study.store import shown_url

    return shlex.join(["optuna-dashboard", shown_url(address)])


def mlflow_command(tracking_uri: str) -> str | None:
    """The command for the MLflow runs in a file, a folder or a database; None if a server shows them."""
    if tracking_uri.startswith(("http://", "https://", "databricks")):
        return None
    import sqlalchemy

    if "://" in tracking_uri and not tracking_uri.startswith("file:"):
        tracking_uri = sqlalchemy.make_url(tracking_uri).render_as_string(hide_password=True)
    return f"DO_NOT_TRACK=true {shlex.join(['mlflow', 'ui', '--backend-store-uri', tracking_uri])}"


def runs_page(server: str, experiment: str) -> str:
    """The page of the training runs: MLflow opens an experiment with its traces, of which there are none."""
    return f"{server.rstrip('/')}/#/experiments/{experiment}/runs"


class ViewerHooks:
    """Logs the commands once, before the first search or refit of a run."""

    def __init__(self) -> None:
        self._logged = False

    @hook_impl
    def before_pipeline_run(self) -> None:
        self._logged = False

    @hook_impl
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        if self._logged or stage_of(node) is None:
            return
        self._logged = True
        log.info("the studies are in %s", shown_store(inputs["study_store"]))
        log.info("watch the trials (pip install optuna-dashboard): %s", dashboard_command(inputs["study_store"]))
        import mlflow

        if mlflow.active_run() is not None:
            uri = mlflow.get_tracking_uri()
            command = mlflow_command(uri)
            if command is not None:
                log.info("watch the runs: %s", command)
            log.info("open: %s", runs_page(uri if command is None else LOCAL_SERVER, mlflow.active_run().info.experiment_id))
        paths = sections(inputs).get("hpo.paths")
        if paths is not None and paths.logs is not None:
            log.info("what each trial prints: %s/<study>/trial_<number>.log", paths.logs)
