"""The estimated time and disk space of a run of all agents, as a node."""

from __future__ import annotations

import logging

from psy_agents.corpus.corpus import Corpus
from psy_agents.hpo.config import StageConfig, WorkersConfig
from psy_agents.hpo.paths import SearchPaths
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.training.config import TrainingSettings

log = logging.getLogger(__name__)


def estimate_budget(
    corpus: Corpus,
    store: str,
    refit: RefitConfig,
    training: TrainingSettings,
    search_space: SearchSpaceConfig,
    paths: SearchPaths,
    workers: WorkersConfig,
    *stages: StageConfig,
) -> dict:
    """Add up time and disk from what epochs took in earlier studies, or take now; refuse a disk without room for the weights."""
    from psy_agents.hpo.plan import plan_search

    searched = [stage.with_workers(workers) for stage in stages]
    planned = plan_search(corpus, searched, refit, training, search_space, paths.with_store(store))
    log.info("the whole run: %s", planned.sentence())
    return planned.model_dump(mode="json")
