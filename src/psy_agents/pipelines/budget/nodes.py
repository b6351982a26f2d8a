"""What a run of all agents will take, told before it begins."""

from __future__ import annotations

import logging

import pandas as pd

from psy_agents.agents.registry import AGENTS
from psy_agents.hpo.config import RefitConfig, StageConfig, WorkersConfig
from psy_agents.pipelines.hpo_stages.nodes import SearchPaths
from psy_agents.training.config import TrainingSettings

log = logging.getLogger(__name__)


def estimate_budget(
    posts: pd.DataFrame,
    pairs: pd.DataFrame,
    sentences: pd.DataFrame,
    splits: pd.DataFrame,
    criteria: dict,
    store: str,
    refit: RefitConfig,
    training: TrainingSettings,
    paths: SearchPaths,
    workers: WorkersConfig,
    *stages: StageConfig,
) -> dict:
    """Add up time and disk from what epochs took in earlier studies; refuse a disk without room for the weights."""
    from psy_agents.hpo.budget import check_space
    from psy_agents.hpo.plan import plan
    from psy_agents.hpo.run_stage import fingerprint
    from psy_agents.hpo.study.identity import settings_hash
    from psy_agents.hpo.study.store import read_studies
    from psy_agents.training.data import Corpus

    data = fingerprint(Corpus(posts, pairs, sentences, splits, criteria))
    searched = [stage.with_workers(workers) for stage in stages]
    planned = plan(read_studies(store), dict.fromkeys(AGENTS, searched), refit, data, settings_hash(training))
    log.info("the whole run: %s", planned.sentence())
    check_space(paths.checkpoints, planned.disk_bytes)
    return planned.model_dump(mode="json")
