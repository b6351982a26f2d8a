"""Build the evidence page of one agent from its refit and the corpus."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

from psy_agents.corpus.corpus import Corpus
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import gold_table
from psy_agents.hpo.refit.run_refit import RefitSummary
from psy_agents.reporting.build import SPLIT, with_gold
from psy_agents.reporting.config import EvidencePageConfig
from psy_agents.reporting.evidence_page.made_page import EvidencePage
from psy_agents.reporting.evidence_page.page import evidence_page

log = logging.getLogger(__name__)


def build_evidence_page(
    agent: str,
    corpus: Corpus,
    salt: str,
    config: EvidencePageConfig,
    summary: Mapping[str, Any] | None,
    predictions: pd.DataFrame | None,
) -> EvidencePage:
    """Build the page with the refit's predictions on test and the annotations.

    Args:
        salt: the project's salt for hashed ids.
        summary, predictions: those of the refit; None without a refit.

    Raises:
        UserError: there is no refit, or it is of another corpus or other splits.
    """
    if summary is None or predictions is None:
        raise UserError(f"There is no refit of {agent}, so there is nothing to show: run the pipeline refit first.")
    if RefitSummary.model_validate(summary).data_hash != corpus.fingerprint:
        raise UserError(f"The latest refit of {agent} is of another corpus or other splits: run the pipeline refit again.")
    table = with_gold(predictions, gold_table(corpus.pairs, corpus.splits, SPLIT))
    texts = corpus.posts.set_index("post_id")["text"].to_dict()
    page = evidence_page(agent, table, texts, corpus.criteria, salt, config)
    log.info("%s: built the evidence page %s the text of posts", agent, "with" if page.reveals_text else "without")
    return page
