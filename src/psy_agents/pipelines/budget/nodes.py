"""The estimated time and disk space of a run of all agents, as a node."""

from __future__ import annotations

import logging

from psy_agents.agents.registry import AGENTS
from psy_agents.corpus.corpus import Corpus
from psy_agents.hpo.config import RefitConfig, StageConfig, WorkersConfig
from psy_agents.hpo.paths import SearchPaths
from psy_agents.training.config import TrainingSettings

log = logging.getLogger(__name__)


def estimate_budget(
    corpus: Corpus,
    store: str,
    refit: RefitConfig,
    training: TrainingSettings,
    paths: SearchPaths,
    workers: WorkersConfig,
    *stages: StageConfig,
) -> dict:
    """Add up time and disk from what epochs took in earlier studies; refuse a disk without room for the weights."""
    from psy_agents.hpo.disk import check_space
    from psy_agents.hpo.plan import plan
    from psy_agents.hpo.study.identity import settings_hash
    from psy_agents.hpo.study.store import read_studies

    searched = [stage.with_workers(workers) for stage in stages]
    planned = plan(read_studies(store), dict.fromkeys(AGENTS, searched), refit, corpus.fingerprint, settings_hash(training))
    log.info("the whole run: %s", planned.sentence())
    check_space(paths.checkpoints, planned.disk_bytes)
    return planned.model_dump(mode="json")
