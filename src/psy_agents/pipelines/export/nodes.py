"""The export of one agent, as a node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from psy_agents.release.config import ExportConfig
from psy_agents.reporting.config import ReportConfig
from psy_agents.training.config import TrainingSettings


def export_agent(agent: str) -> Callable:
    """Make the node's function for one agent."""

    def export(
        posts: pd.DataFrame,
        pairs: pd.DataFrame,
        sentences: pd.DataFrame,
        splits: pd.DataFrame,
        criteria: dict,
        data_quality: dict,
        store: str,
        config: ExportConfig,
        reporting: ReportConfig,
        training: TrainingSettings,
        model: Path,
        summary: dict | None,
        predictions: pd.DataFrame | None,
    ) -> Iterator[Path]:
        """Give the folder with model, card and data statement; it is there while it is saved."""
        from psy_agents.release.facts import gather
        from psy_agents.release.package import packed
        from psy_agents.tracking.code_version import git_commit
        from psy_agents.training.data import Corpus

        corpus = Corpus(posts, pairs, sentences, splits, criteria)
        facts = gather(
            agent, corpus, data_quality, store, summary, predictions, config, reporting, training, git_commit()
        )
        with packed(facts, model) as folder:
            yield folder

    return export
