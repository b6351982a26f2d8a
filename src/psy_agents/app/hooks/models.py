"""Hook that logs each refitted agent as an MLflow model."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from psy_agents.pipelines.bundles import sections
from psy_agents.pipelines.tags import REFIT, agent_of, stage_of
from psy_agents.tracking.code_version import git_commit

if TYPE_CHECKING:
    from psy_agents.tracking.pyfunc_model import FinishedRefit

log = logging.getLogger(__name__)


class ModelHooks:
    """Logs a refitted model in MLflow after its refit is saved: an MLflow failure cannot lose the model.

    A failed attempt is repeated when the run ends: a locked database may be free by then.
    """

    def __init__(self) -> None:
        self._unsaved: dict[str, tuple[FinishedRefit, set[str]]] = {}
        self._not_logged: list[FinishedRefit] = []

    @hook_impl
    def before_pipeline_run(self) -> None:
        self._unsaved, self._not_logged = {}, []

    @hook_impl
    def after_node_run(self, node: Node, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        if stage_of(node) == REFIT and sections(inputs)["hpo.refit"].mlflow_model:
            from psy_agents.tracking.pyfunc_model import FinishedRefit

            agent = agent_of(node)
            summary, folder = outputs[f"{agent}.refit_summary"], outputs[f"{agent}.refit_model"]
            # The final study is that of the single winner; an ensemble is another model, with another study.
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
                self._not_logged.append(refit)
                log.warning(
                    "MLflow failed (%s): the model of %s is saved but not logged; the next attempt is when the run ends",
                    failed, refit.agent,
                )  # fmt: skip

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        self._retry_failed_models()

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        self._retry_failed_models()

    def _retry_failed_models(self) -> None:
        while self._not_logged:
            failed = self._log(self._not_logged[0])
            if failed is not None:  # Each attempt may wait for a locked database.
                agents = ", ".join(refit.agent for refit in self._not_logged)
                log.warning("MLflow failed again (%s): to log the model of %s, run the pipeline refit again", failed, agents)
                return
            del self._not_logged[0]

    def _log(self, refit: FinishedRefit) -> str | None:
        """Log the model; return the type of the error if that fails."""
        import mlflow

        if mlflow.active_run() is None:
            return None
        from psy_agents.tracking.pyfunc_model import log_refit

        try:
            model = log_refit(refit, {"git_commit": git_commit()})
        except Exception as error:
            return type(error).__name__
        log.info("%s in MLflow: %s", refit.agent, model)
        return None
