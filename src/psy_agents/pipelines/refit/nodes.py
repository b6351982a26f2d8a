"""The refit of one agent, as a node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from psy_agents.hpo.config import RefitConfig, WorkersConfig
from psy_agents.pipelines.hpo_stages.nodes import SearchPaths, callbacks
from psy_agents.training.config import TrainingSettings


def refit_agent(agent: str, stages: tuple[str, ...]) -> Callable:
    """Make the node's function for one agent.

    Args:
        stages: whose top-k the node is given, in this order; where there is one, it is the one that is confirmed.
    """

    def refit(
        posts: pd.DataFrame,
        pairs: pd.DataFrame,
        sentences: pd.DataFrame,
        splits: pd.DataFrame,
        criteria: dict,
        store: str,
        config: RefitConfig,
        training: TrainingSettings,
        paths: SearchPaths,
        workers: WorkersConfig,
        *top_ks: dict | None,
    ) -> tuple[dict, Path, pd.DataFrame]:
        """Confirm the stage's best trials, train the winner and test it once; its summary, folder and predictions."""
        from psy_agents.hpo.refit.run_refit import run_refit
        from psy_agents.hpo.study.topk import TopK
        from psy_agents.training.data import Corpus

        chosen = config if len(stages) > 1 else config.model_copy(update={"stage": stages[0]})
        top = dict(zip(stages, top_ks, strict=True))[chosen.stage]
        output = run_refit(
            agent,
            Corpus(posts, pairs, sentences, splits, criteria),
            chosen.with_workers(workers),
            training,
            None if top is None else TopK.model_validate(top),
            paths.places(store),
            callbacks(),
        )
        return output.summary, output.model, output.predictions

    return refit
