"""The estimated time and disk space of a run of all agents, as a node."""

from __future__ import annotations

import logging

from psy_agents.corpus.corpus import Corpus
from psy_agents.pipelines.bundles import RunBundle

log = logging.getLogger(__name__)


def estimate_budget(corpus: Corpus, store: str, given: RunBundle) -> dict:
    """Add up time and disk from what epochs took in earlier studies, or take now; refuse a disk without room for the weights."""
    from psy_agents.hpo.plan import plan_search

    stages = list(given.stages_with_workers().values())
    planned = plan_search(corpus, stages, given.refit, given.training, given.search_space, given.paths.with_store(store))
    log.info("the whole run: %s", planned.sentence())
    return planned.model_dump(mode="json")
