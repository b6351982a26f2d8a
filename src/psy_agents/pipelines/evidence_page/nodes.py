"""The page of evidence of one agent, as a node."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from psy_agents.corpus.corpus import Corpus
from psy_agents.reporting.config import EvidencePageConfig
from psy_agents.reporting.evidence_page.made_page import EvidencePage


def show_agent(agent: str) -> Callable:
    """Make the node's function for one agent."""

    def show_evidence(
        corpus: Corpus, id_salt: str, config: EvidencePageConfig, summary: dict | None, predictions: pd.DataFrame | None
    ) -> EvidencePage:
        """Show the refit's predictions on test next to the annotation."""
        from psy_agents.reporting.evidence_page.build import build_evidence_page

        return build_evidence_page(agent, corpus, id_salt, config, summary, predictions)

    return show_evidence
