"""The report of all agents, as two nodes: its figures in numbers, and what shows them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from psy_agents.agents.registry import AGENTS
from psy_agents.corpus.corpus import Corpus
from psy_agents.pipelines.bundles import ReportBundle


def make_report(corpus: Corpus, ratings: pd.DataFrame, store: str, given: ReportBundle, *refits: Any) -> dict[str, Any]:
    """Score the agents that have a refit on this corpus, and the baselines, on the same test pairs.

    Args:
        refits: summary, predictions and predictions of the untuned agent, of each agent in turn; None where there is none yet.
    """
    from psy_agents.reporting.build import build_report, read_refits
    from psy_agents.tracking.code_version import git_commit

    found, setup = read_refits(AGENTS, refits[::3], refits[1::3], refits[2::3]), given.baseline_setup()
    return build_report(corpus, store, found, given.report, setup, ratings, git_commit()).model_dump(mode="json")


def show_report(report: dict, store: str, *summaries: dict | None) -> dict[str, Any]:
    """The report's tables, figures, LaTeX and page (see `report_outputs`).

    Args:
        summaries: of each agent's refit, None where there is none yet.
    """
    from psy_agents.evaluation.results import Report
    from psy_agents.reporting.outputs import report_outputs

    return report_outputs(Report.model_validate(report), store, dict(zip(AGENTS, summaries, strict=True)))
