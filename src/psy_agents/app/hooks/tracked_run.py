"""kedro-mlflow's hook, none of whose failures ends a run."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pydantic import BaseModel

from psy_agents.app.error_reporting import user_error
from psy_agents.pipelines.bundles import sections
from psy_agents.tracking.database import mend_addresses, opening, remove_stray_folder
from psy_agents.tracking.failures import mlflow_may_fail, warn_of_failure
from psy_agents.tracking.process_tag import end_runs_of_dead_processes

log = logging.getLogger(__name__)

CONSEQUENCE = "the run continues; the same command logs what is missing once MLflow works again"
MOST_PARAMETERS = 100
"""In one call of MLflow's."""
UNNAMEABLE = re.compile(r"[^\w\-. /:]")
"""Characters that MLflow allows in no name."""
LONGEST_VALUE = 500
"""Characters of a parameter's value; MLflow refuses more than 6,000."""


def plain_parameters(values: Mapping[str, Any]) -> dict[str, str]:
    """Parameters by dotted name, each a number, a word or a list."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, BaseModel):
            value = value.model_dump(mode="json")
        if isinstance(value, Mapping):
            found |= plain_parameters({f"{name}.{key}": each for key, each in value.items()})
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            found[UNNAMEABLE.sub("_", name)] = text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
    return found


class TrackedRun:
    """Calls the hook of kedro-mlflow; an MLflow that does not answer costs one warning.

    Without an MLflow run the other hooks and the callback of a search log nothing.
    """

    def __init__(self, hook: Any) -> None:
        self._hook = hook
        self._ready = self._warned = False
        self._logged: set[str] = set()
        self._address = ""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        config = context.config_loader["mlflow"]
        self._address = config.get("server", {}).get("mlflow_tracking_uri") or ""
        experiment = config.get("tracking", {}).get("experiment", {})
        location = experiment.get("create_experiment_kwargs", {}).get("artifact_location")

        def open_database() -> None:
            with opening(self._address):
                if location is not None:
                    mend_addresses(self._address, experiment["name"], location)
                self._hook.after_context_created(context=context)

        self._ready = self._call(open_database)
        remove_stray_folder(self._address)

    @hook_impl
    def after_catalog_created(
        self, catalog: CatalogProtocol, conf_catalog: Any, conf_creds: Any, parameters: Any, save_version: Any, load_versions: Any
    ) -> None:
        self._hook.after_catalog_created(catalog, conf_catalog, conf_creds, parameters, save_version, load_versions)

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        self._logged = set()
        if not self._ready:
            return
        self._ready = self._call(lambda: self._hook.before_pipeline_run(run_params=run_params, pipeline=pipeline, catalog=catalog))
        if self._ready and self._hook.run_id is not None:
            self._call(self._end_dead_runs)

    @hook_impl
    def before_node_run(self, node: Node, catalog: CatalogProtocol, inputs: dict[str, Any], is_async: bool) -> None:
        if self._ready:
            # Without its parameters: kedro-mlflow would log a typed section as the text of its object.
            self._call(lambda: self._hook.before_node_run(node=node, catalog=catalog, inputs={}, is_async=is_async))
            if self._hook.run_id is not None:
                self._call(lambda: self._log_parameters(inputs))

    def _log_parameters(self, inputs: dict[str, Any]) -> None:
        """Log each parameter of a node once, under its name in the configuration."""
        import mlflow
        from mlflow.entities import Param

        new = {name: value for name, value in plain_parameters(sections(inputs)).items() if name not in self._logged}
        self._logged |= set(new)
        params = [Param(name, value) for name, value in new.items()]
        for start in range(0, len(params), MOST_PARAMETERS):
            mlflow.MlflowClient().log_batch(self._hook.run_id, params=params[start : start + MOST_PARAMETERS])

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        if self._ready:
            self._call(lambda: self._hook.after_pipeline_run(run_params=run_params, pipeline=pipeline, catalog=catalog))
        self._end_open_run("FINISHED")

    @hook_impl
    def on_pipeline_error(self, error: Exception, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        if self._ready:
            self._call(lambda: self._hook.on_pipeline_error(error=error, run_params=run_params, pipeline=pipeline, catalog=catalog))
        self._end_open_run("FAILED")

    def _call(self, function: Any) -> bool:
        """Call; return whether MLflow worked. A mistake in mlflow.yml is the user's, and ends the run.

        Raises:
            Exception: what `user_error` has a sentence for.
        """
        try:
            function()
        except Exception as error:
            if user_error(error) is not None:
                raise
            if not self._warned:
                warn_of_failure(error, CONSEQUENCE)
            self._warned = True
            return False
        return True

    def _end_dead_runs(self) -> None:
        import mlflow

        ended = end_runs_of_dead_processes(mlflow.MlflowClient(), mlflow.active_run().info.experiment_id)
        if ended:
            log.info("ended %d MLflow runs of processes that were killed", ended)

    def _end_open_run(self, status: str) -> None:
        """End what a failure left open in this process: another run of the process must not be logged there."""
        import mlflow

        while self._hook.run_id is not None and not self._hook._already_active_mlflow and mlflow.active_run() is not None:
            with mlflow_may_fail("a run stays open there until the next command ends it"):
                mlflow.end_run(status)
        remove_stray_folder(self._address)
