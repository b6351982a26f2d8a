"""A stage of the search for one agent, as a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psy_agents.corpus.corpus import Corpus
from psy_agents.pipelines.bundles import StageBundle


def search_agent(agent: str) -> Callable:
    """Make the node's function for one agent."""

    def search(corpus: Corpus, baselines: dict, store: str, given: StageBundle, parent: dict | None = None) -> tuple[dict, Any]:
        """Run the stage to its number of trials; return its best trials and the figure of its history with the baselines."""
        from psy_agents.hpo.run_stage import run_stage
        from psy_agents.hpo.study.topk import TopK
        from psy_agents.reporting.search.plots import stage_plot
        from psy_agents.tracking.callback import stage_callbacks

        stage, storage = given.stage.with_workers(given.workers), given.paths.with_store(store)
        best = None if parent is None else TopK.model_validate(parent)
        output = run_stage(agent, corpus, stage, given.training, given.search_space, storage, parent=best, callbacks=stage_callbacks())
        return output.top_k, stage_plot(agent, output.result, baselines, given.training.objective_evidence_weight)

    return search
