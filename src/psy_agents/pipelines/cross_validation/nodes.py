"""The cross-validation of one agent, as two nodes: its folds, and what they show together."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pandas as pd

from psy_agents.corpus.corpus import Corpus
from psy_agents.pipelines.bundles import FoldsBundle, ReportBundle

log = logging.getLogger(__name__)


def cross_validate_agent(agent: str) -> Callable:
    """Make the node's function for one agent."""

    def run_folds(corpus: Corpus, store: str, given: FoldsBundle) -> tuple[dict, pd.DataFrame]:
        """Say what it will take, then search, refit and test on each fold; the folds' summary and the pooled predictions."""
        from psy_agents.hpo.cross_validation.cost import log_cost
        from psy_agents.hpo.cross_validation.run import cross_validate
        from psy_agents.hpo.cross_validation.search import FoldSearch
        from psy_agents.tracking.callback import stage_callbacks

        storage, refit = given.paths.with_store(store), given.refit.with_workers(given.workers)
        search = FoldSearch.of(given.folds, given.stages_with_workers(), given.search_space, refit, given.training, storage)
        log_cost(agent, corpus, search)
        output = cross_validate(agent, corpus, search, stage_callbacks())
        return output.summary, output.predictions

    return run_folds


def report_folds(
    corpus: Corpus, ratings: pd.DataFrame, summary: dict, predictions: pd.DataFrame, given: ReportBundle
) -> tuple[dict, pd.DataFrame, str]:
    """Score the pooled predictions, next to the baselines on the same folds; the figures, their table and a page."""
    from psy_agents.reporting.cross_validation.build import build_cross_validation, headline
    from psy_agents.reporting.cross_validation.page import cross_validation_page, cross_validation_table

    report = build_cross_validation(corpus, summary, predictions, given.report, given.baseline_setup(), ratings)
    log.info("%s", headline(report))
    return report.model_dump(mode="json"), cross_validation_table(report), cross_validation_page(report)
