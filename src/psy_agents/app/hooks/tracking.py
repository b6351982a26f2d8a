"""MLflow is quiet while it sets up, and its run of a pipeline says which code and which agent it was."""

from __future__ import annotations

import logging
from typing import Any

from kedro.framework.hooks import hook_impl

from psy_agents.tracking.code_version import git_commit


class TrackingHooks:
    """Keeps MLflow quiet while it sets up, and tags the pipeline's run once kedro-mlflow has opened it."""

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        # Both set their own level when they are imported, which is after conf/logging.yml was read.
        for name in ("mlflow", "kedro_mlflow"):
            logging.getLogger(name).setLevel(logging.ERROR)
        # It tells each failure with a traceback and the statement's values; whoever called hears of it anyway.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        import mlflow

        if mlflow.active_run() is not None:
            mlflow.set_tags(
                {
                    "git_commit": git_commit(),
                    "pipelines": ", ".join(run_params["pipeline_names"] or ["__default__"]),
                    "namespaces": ", ".join(run_params["namespaces"] or ["all"]),
                }
            )


class NestedRunHooks:
    """Puts the run of one agent, which a process of its own has opened, below the command's."""

    def __init__(self, parent: str, name: str) -> None:
        self._parent, self._name = parent, name

    @hook_impl(trylast=True)
    def before_pipeline_run(self) -> None:
        import mlflow

        from psy_agents.tracking.callback import PARENT

        if mlflow.active_run() is not None:
            mlflow.set_tags({PARENT: self._parent, "mlflow.runName": self._name})
