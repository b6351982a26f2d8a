"""Hooks that set up MLflow's loggers and tag MLflow runs."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Mapping
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from psy_agents.agents.registry import AGENTS
from psy_agents.app.resolvers import given_parameters
from psy_agents.files.schema import parameter_text
from psy_agents.tracking.code_version import git_commit
from psy_agents.tracking.failures import mlflow_may_fail
from psy_agents.tracking.process_tag import process_tag

OVERRIDES = ("HPO_TRIALS", "HPO_EPOCHS", "HPO_PATIENCE")
"""Environment variables that change parameters."""
FILTERS = {"tags": "tags", "nodes": "node_names", "from-nodes": "from_nodes", "to-nodes": "to_nodes", "from-inputs": "from_inputs",
           "to-outputs": "to_outputs"}  # fmt: skip
"""Options of ``kedro run`` -> names of their values in a hook."""
KIND_OF_EXPERIMENT = ("mlflow.experimentKind", "custom_model_development")
"""MLflow then opens an experiment with its training runs, and not with the traces of language models."""


class TrackingHooks:
    """Silences MLflow's setup, and tags the run that kedro-mlflow opens with corpus, commit and command."""

    def __init__(self) -> None:
        self._corpus = ""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        self._corpus = context.config_loader["globals"]["corpus"]
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
                "kind": "command",
                "corpus": self._corpus,
                "kedro_command": kedro_command(run_params, os.environ),
                "git_commit": git_commit(),
                "pipelines": ", ".join(run_params["pipeline_names"] or ["__default__"]),
                "namespaces": ", ".join(run_params["namespaces"] or ["all"]),
                **process_tag(),
            }
            with mlflow_may_fail("the run has no tags there"):
                mlflow.set_tags(tags)
                mlflow.MlflowClient().set_experiment_tag(mlflow.active_run().info.experiment_id, *KIND_OF_EXPERIMENT)


def kedro_command(run_params: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """The whole command of a run, to be copied. kedro-mlflow's leaves out ``--env``, ``--params`` and the environment's overrides.

    Args:
        environment: the environment variables.
    """
    variables = [f"{name}={shlex.quote(environment[name])}" for name in OVERRIDES if environment.get(name)]
    namespaces = run_params.get("namespaces") or []
    agents = [name for name in namespaces if name in AGENTS]
    given = {"agent": "+".join(agents)} if agents else {}
    given |= given_parameters(run_params.get("runtime_params"))
    options = {
        "env": run_params.get("env"),
        "pipelines": ",".join(run_params.get("pipeline_names") or []),
        "namespaces": "" if agents else ",".join(namespaces),
        **{option: ",".join(run_params.get(name) or []) for option, name in FILTERS.items()},
        "load-versions": ",".join(f"{name}:{version}" for name, version in dict(run_params.get("load_versions") or {}).items()),
        "params": ",".join(f"{name}={parameter_text(value)}" for name, value in given.items()),
    }
    flags = ["--only-missing-outputs"] if run_params.get("only_missing_outputs") else []
    return " ".join([*variables, "kedro run", *(f"--{name} {shlex.quote(value)}" for name, value in options.items() if value), *flags])


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
                command = mlflow.MlflowClient().get_run(self._parent).data.tags.get("kedro_command", "")
                mlflow.set_tags({PARENT: self._parent, "mlflow.runName": self._name, "kedro_command": command})
