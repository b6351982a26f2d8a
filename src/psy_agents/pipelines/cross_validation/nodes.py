"""The cross-validation of one agent, as two nodes: its folds, and what they show together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pandas as pd

from psy_agents.baselines.config import BaselinesConfig
from psy_agents.corpus.corpus import Corpus
from psy_agents.hpo.config import StageConfig, WorkersConfig
from psy_agents.hpo.cross_validation.config import CrossValidationConfig
from psy_agents.hpo.paths import SearchPaths
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.reporting.config import ReportConfig
from psy_agents.training.config import TrainingSettings

log = logging.getLogger(__name__)


def cross_validate_agent(agent: str, stages: tuple[str, ...]) -> Callable:
    """Make the node's function for one agent.

    Args:
        stages: keys below ``hpo`` of the stages that the node gets, in this order.
    """

    def run_folds(
        corpus: Corpus,
        store: str,
        config: CrossValidationConfig,
        refit: RefitConfig,
        training: TrainingSettings,
        search_space: SearchSpaceConfig,
        paths: SearchPaths,
        workers: WorkersConfig,
        *configured: Any,
    ) -> tuple[dict, pd.DataFrame]:
        """Say what it will take, then search, refit and test on each fold; the folds' summary and the pooled predictions."""
        from psy_agents.hpo.cross_validation.cost import log_cost
        from psy_agents.hpo.cross_validation.run import cross_validate, fold_stages
        from psy_agents.tracking.callback import stage_callbacks

        typed = map(StageConfig.model_validate, configured)  # Kedro types no parameter that the signature does not name.
        by_name = {name: stage.with_workers(workers) for name, stage in zip(stages, typed, strict=True)}
        searched, spaces = fold_stages(config, by_name, search_space)
        given = agent, corpus, config, searched, refit.of_fold().with_workers(workers), training, spaces, paths.with_store(store)
        log_cost(*given)
        output = cross_validate(*given, stage_callbacks())
        return output.summary, output.predictions

    return run_folds


def report_folds(
    corpus: Corpus,
    ratings: pd.DataFrame,
    summary: dict,
    predictions: pd.DataFrame,
    config: ReportConfig,
    baselines: BaselinesConfig,
    refit: RefitConfig,
    training: TrainingSettings,
) -> tuple[dict, pd.DataFrame, str]:
    """Score the pooled predictions, next to the baselines on the same folds; the figures, their table and a page."""
    from psy_agents.baselines.system import BaselineSetup
    from psy_agents.reporting.cross_validation.build import build_cross_validation, headline
    from psy_agents.reporting.cross_validation.page import cross_validation_page, cross_validation_table

    setup = BaselineSetup(baselines, refit, training)
    report = build_cross_validation(corpus, summary, predictions, config, setup, ratings)
    log.info("%s", headline(report))
    return report.model_dump(mode="json"), cross_validation_table(report), cross_validation_page(report)
