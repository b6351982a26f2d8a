"""The export of one agent, as a node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from psy_agents.corpus.corpus import Corpus
from psy_agents.pipelines.bundles import ExportBundle


def export_agent(agent: str) -> Callable:
    """Make the node's function for one agent."""

    def export(corpus: Corpus, data_quality: dict, store: str, given: ExportBundle, *refit: Any) -> Iterator[Path]:
        """Give the folder with model, card and data statement; it is there while it is saved.

        Args:
            refit: folder, summary and predictions on test, None where there is no refit.
        """
        from psy_agents.release.export_folder import exported_folder
        from psy_agents.release.facts import gather_facts
        from psy_agents.tracking.code_version import git_commit

        model, summary, predictions = refit
        configured = given.export, given.report, given.baseline_setup()
        facts = gather_facts(agent, corpus, data_quality, store, summary, predictions, *configured, git_commit())
        with exported_folder(facts, model) as folder:
            yield folder

    return export
