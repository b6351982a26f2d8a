"""A stage of the search for one agent, as a node."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from psy_agents.agents.registry import spec
from psy_agents.files.schema import Schema
from psy_agents.hpo.config import StageConfig, WorkersConfig
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.training.config import TrainingSettings

if TYPE_CHECKING:
    from psy_agents.hpo.run_stage import Places
    from psy_agents.hpo.study.records import Callback

log = logging.getLogger(__name__)


class SearchPaths(Schema):
    """Where the search keeps weights, and what its trials print.

    Attributes:
        checkpoints: folder of the best trials' weights, a folder a study.
        logs: folder of what trials print, a folder a study.
    """

    checkpoints: Path
    logs: Path

    def places(self, store: str) -> Places:
        """The same for the engine, with the address of the studies."""
        from psy_agents.hpo.run_stage import Places

        return Places(store, self.checkpoints, self.logs)


def search_agent(agent: str) -> Callable:
    """Make the node's function for one agent."""

    def search(
        posts: pd.DataFrame,
        pairs: pd.DataFrame,
        sentences: pd.DataFrame,
        splits: pd.DataFrame,
        criteria: dict,
        baselines: dict,
        store: str,
        stage: StageConfig,
        training: TrainingSettings,
        search_space: SearchSpaceConfig,
        paths: SearchPaths,
        workers: WorkersConfig,
        parent: dict | None = None,
    ) -> tuple[dict, Any]:
        """Run the stage to its number of trials; return its top-k and the figure of its history beside baselines."""
        from psy_agents.evaluation.baselines import baseline_objectives
        from psy_agents.hpo.run_stage import run_stage
        from psy_agents.hpo.study.topk import TopK
        from psy_agents.reporting.search.plots import history_plot
        from psy_agents.training.data import Corpus

        output = run_stage(
            agent,
            Corpus(posts, pairs, sentences, splits, criteria),
            stage.with_workers(workers),
            training,
            search_space,
            paths.places(store),
            parent=None if parent is None else TopK.model_validate(parent),
            callbacks=callbacks(),
        )
        reached = baseline_objectives(baselines, spec(agent).objective_metrics, training.objective_evidence_weight)
        log.info("baselines in the objective of %s: %s", agent, ", ".join(f"{k} {v:.4f}" for k, v in reached.items()))
        return output.top_k, history_plot(output.result.records, output.result.study_name, reached)

    return search


def callbacks() -> list[Callback]:
    """Who follows a study: the display and MLflow."""
    import optuna

    from psy_agents.hpo.engine.progress import ProgressDisplay
    from psy_agents.tracking.callback import MlflowCallback
    from psy_agents.tracking.code_version import git_commit

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return [ProgressDisplay(), MlflowCallback({"git_commit": git_commit()})]
