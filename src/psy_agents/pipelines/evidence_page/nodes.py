"""The page of evidence of one agent, as a node."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pandas as pd

from psy_agents.errors import UserError
from psy_agents.reporting.config import EvidencePageConfig
from psy_agents.reporting.evidence_page.page import EvidencePage, evidence_page

log = logging.getLogger(__name__)


def show_agent(agent: str) -> Callable:
    """Make the node's function for one agent."""

    def show_evidence(
        posts: pd.DataFrame,
        pairs: pd.DataFrame,
        sentences: pd.DataFrame,
        splits: pd.DataFrame,
        criteria: dict,
        id_salt: str,
        config: EvidencePageConfig,
        summary: dict | None,
        predictions: pd.DataFrame | None,
    ) -> EvidencePage:
        """Show the refit's predictions on test beside the annotation; the refit must be of these data."""
        from psy_agents.evaluation.predictions import gold_table
        from psy_agents.hpo.refit.run_refit import RefitSummary
        from psy_agents.hpo.run_stage import fingerprint
        from psy_agents.reporting.build import SPLIT, with_gold
        from psy_agents.training.data import Corpus

        if summary is None or predictions is None:
            raise UserError(f"There is no refit of {agent}, so there is nothing to show: run the pipeline refit first.")
        corpus = Corpus(posts, pairs, sentences, splits, criteria)
        if RefitSummary.model_validate(summary).data_hash != fingerprint(corpus):
            raise UserError(f"The latest refit of {agent} is of another corpus or other splits: run the pipeline refit again.")
        table = with_gold(predictions, gold_table(pairs, splits, SPLIT))
        texts = posts.set_index("post_id")["text"].to_dict()
        page = evidence_page(agent, table, texts, criteria, id_salt, config)
        log.info("%s: a page of evidence %s the text of posts", agent, "with" if page.reveals_text else "without")
        return page

    return show_evidence
