"""The refit of one agent, as a node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from psy_agents.corpus.corpus import Corpus
from psy_agents.pipelines.bundles import RefitBundle


def refit_agent(agent: str, stages: tuple[str, ...]) -> Callable:
    """Make the node's function for one agent.

    Args:
        stages: whose best trials the node reads, in this order; where there is one, it is the one that is confirmed.
    """

    def refit(
        corpus: Corpus, store: str, given: RefitBundle, *best: dict | None
    ) -> tuple[dict, Path, pd.DataFrame, pd.DataFrame]:
        """Confirm the stage's best trials, train the winner and test it once.

        Returns:
            Its summary, its folder, its predictions, and those of the untuned agent.
        """
        from psy_agents.hpo.refit.run_refit import run_refit
        from psy_agents.hpo.study.topk import TopK
        from psy_agents.tracking.callback import stage_callbacks

        chosen = given.refit if len(stages) > 1 else given.refit.model_copy(update={"stage": stages[0]})
        found = dict(zip(stages, best, strict=True))[chosen.stage]
        top_k = None if found is None else TopK.model_validate(found)
        config, storage = chosen.with_workers(given.workers), given.paths.with_store(store)
        output = run_refit(agent, corpus, config, given.training, top_k, storage, stage_callbacks())
        return output.summary, output.model, output.predictions, output.untuned

    return refit
