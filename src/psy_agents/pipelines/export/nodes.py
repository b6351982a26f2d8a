"""The export of one agent, as a node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from psy_agents.baselines.config import BaselinesConfig
from psy_agents.corpus.corpus import Corpus
from psy_agents.hpo.refit.config import RefitConfig
from psy_agents.release.config import ExportConfig
from psy_agents.reporting.config import ReportConfig
from psy_agents.training.config import TrainingSettings


def export_agent(agent: str) -> Callable:
    """Make the node's function for one agent."""

    def export(
        corpus: Corpus,
        data_quality: dict,
        store: str,
        config: ExportConfig,
        reporting: ReportConfig,
        training: TrainingSettings,
        baselines: BaselinesConfig,
        refitting: RefitConfig,
        *refit: Any,
    ) -> Iterator[Path]:
        """Give the folder with model, card and data statement; it is there while it is saved.

        Args:
            refit: folder, summary and predictions on test, None where there is no refit.
        """
        from psy_agents.baselines.system import BaselineSetup
        from psy_agents.release.export_folder import exported_folder
        from psy_agents.release.facts import gather_facts
        from psy_agents.tracking.code_version import git_commit

        model, summary, predictions = refit
        setup = BaselineSetup(baselines, refitting, training)
        facts = gather_facts(agent, corpus, data_quality, store, summary, predictions, config, reporting, setup, git_commit())
        with exported_folder(facts, model) as folder:
            yield folder

    return export
