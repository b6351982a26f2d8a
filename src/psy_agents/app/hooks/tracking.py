"""Hooks that set up MLflow's loggers and tag MLflow runs."""

from __future__ import annotations

import logging
from typing import Any

from kedro.framework.hooks import hook_impl

from psy_agents.tracking.code_version import git_commit
from psy_agents.tracking.failures import mlflow_may_fail
from psy_agents.tracking.process_tag import process_tag


class TrackingHooks:
    """Silences MLflow's setup, and tags the run that kedro-mlflow opens with commit, pipelines and namespaces."""

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        # Both set their log level when they are imported, after Kedro has read conf/logging.yml.
        for name in ("mlflow", "kedro_mlflow"):
            logging.getLogger(name).setLevel(logging.ERROR)
        # It logs each failure with a traceback and the values of the statement; the caller gets the exception anyway.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        import mlflow

        if mlflow.active_run() is not None:
            tags = {
                "git_commit": git_commit(),
                "pipelines": ", ".join(run_params["pipeline_names"] or ["__default__"]),
                "namespaces": ", ".join(run_params["namespaces"] or ["all"]),
                **process_tag(),
            }
            with mlflow_may_fail("the run has no tags there"):
                mlflow.set_tags(tags)


class NestedRunHooks:
    """Makes the MLflow run of an agent's process a child of the command's run."""

    def __init__(self, parent: str, name: str) -> None:
        self._parent, self._name = parent, name

    @hook_impl(trylast=True)
    def before_pipeline_run(self) -> None:
        import mlflow

        from psy_agents.tracking.callback import PARENT

        if mlflow.active_run() is not None:
            with mlflow_may_fail("the run of an agent is not below that of the command there"):
                mlflow.set_tags({PARENT: self._parent, "mlflow.runName": self._name})
