"""What happens around a run: its inputs are there, and MLflow knows which code and which agent it was."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from psy_agents.errors import UserError
from psy_agents.mlflow_model import FinishedRefit, log_refit
from psy_agents.resolvers import PROJECT, shown_path

log = logging.getLogger(__name__)


def git_commit() -> str:
    """The commit of the code, "+changes" behind it where files differ; "unknown" outside a checkout."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()
        dirty = subprocess.run(["git", "status", "--porcelain"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+changes" if dirty else "")


class InputHooks:
    """Refuses a run whose files are missing, before a node or MLflow has begun."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        if run_params["only_missing_outputs"]:  # The runner may leave out the nodes that read them.
            return
        for name in sorted(pipeline.inputs()):
            if name == "parameters" or name.startswith("params:") or catalog.exists(name):
                continue
            dataset = catalog.get(name)
            file = getattr(dataset, "_filepath", None)
            pinned = getattr(getattr(dataset, "_version", None), "load", None)
            if pinned is not None:
                raise UserError(f"Version {pinned} of {name} is not there: {_versions(Path(file))}.")
            if file is not None and not getattr(dataset, "optional", False):
                raise UserError(f"{shown_path(file)} is missing (dataset {name}): put it there, or run the pipeline that makes it.")


def _versions(file: Path) -> str:
    """How many versions of a dataset there are, and the latest; a version is a folder that holds the file's name again."""
    found = sorted(folder.name for folder in file.glob("*") if (folder / file.name).exists())
    if not found:
        return f"{shown_path(file)} has no version yet, run the pipeline that makes one"
    return f"{shown_path(file)} has {len(found)}, the latest is {found[-1]}"


class OutputHooks:
    """Says where results lie."""

    def __init__(self) -> None:
        self._catalog: CatalogProtocol | None = None

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        self._catalog = catalog

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        file = getattr(self._catalog.get(dataset_name), "_filepath", None)
        if file is not None:
            log.info("saved %s: %s", dataset_name, shown_path(file))


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

        from psy_agents.tracking import PARENT

        if mlflow.active_run() is not None:
            mlflow.set_tags({PARENT: self._parent, "mlflow.runName": self._name})


class ModelHooks:
    """Logs each refitted model in MLflow once its refit is saved, so that nothing of MLflow's can lose it.

    What failed is tried once more when the run ends, as a database that was locked may be free again.
    """

    def __init__(self) -> None:
        self._unsaved: dict[str, tuple[FinishedRefit, set[str]]] = {}
        self._missed: list[FinishedRefit] = []

    @hook_impl
    def before_pipeline_run(self) -> None:
        self._unsaved, self._missed = {}, []

    @hook_impl
    def after_node_run(self, node: Node, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        if hasattr(node.func, "stages") and inputs["params:hpo.refit"].mlflow_model:
            agent = node.namespace
            summary, folder = outputs[f"{agent}.refit_summary"], outputs[f"{agent}.refit_model"]
            # An ensemble has the single winner's final study too, and is another model.
            study = summary["final_study"] if summary["ensemble"] is None else summary["ensemble"]["study"]
            refit = FinishedRefit(agent, Pipeline([node]), study, summary["hyperparameters"], folder)
            self._unsaved[node.name] = (refit, set(outputs))

    @hook_impl(trylast=True)
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        if node.name not in self._unsaved:
            return
        refit, names = self._unsaved[node.name]
        names.discard(dataset_name)
        if not names:
            del self._unsaved[node.name]
            failed = self._log(refit)
            if failed is not None:
                self._missed.append(refit)
                log.warning(
                    "MLflow failed (%s): the model of %s is saved, but not logged there; that is tried again when the run ends",
                    failed, refit.agent,
                )  # fmt: skip

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        self._catch_up()

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        self._catch_up()

    def _catch_up(self) -> None:
        while self._missed:
            failed = self._log(self._missed[0])
            if failed is not None:  # Each try may wait for a locked database.
                agents = ", ".join(refit.agent for refit in self._missed)
                log.warning("MLflow failed again (%s): to log the model of %s, run the pipeline refit once more", failed, agents)
                return
            del self._missed[0]

    def _log(self, refit: FinishedRefit) -> str | None:
        """The kind of error where it failed."""
        import mlflow

        if mlflow.active_run() is None:
            return None
        try:
            model = log_refit(refit, {"git_commit": git_commit()})
        except Exception as error:
            return type(error).__name__
        log.info("%s in MLflow: %s", refit.agent, model)
        return None
