"""The outputs of the report pipeline: tables, LaTeX, the page and figures."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from psy_agents.agents.registry import AGENTS

if TYPE_CHECKING:
    from psy_agents.evaluation.results import Report

log = logging.getLogger(__name__)

TABLES = (
    "criteria", "averages", "summary", "evidence", "comparisons", "errors", "gains", "thresholds", "ensembles", "selection", "seeds",
    "final_models",
    "stages", "backbones",
)  # fmt: skip
FIGURES = ("criteria", "comparison")
AGENT_FIGURES = (
    "reliability", "errors", "history", "expected_best", "importances", "parallel_coordinates", "learning_curves", "timeline",
    "pareto",
)  # fmt: skip


def report_outputs(report: Report, store: str, summaries: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    """``tables`` and ``figures``, each by the name of its file such as ``criteria`` and ``share_history``, ``latex`` and ``page``.

    The page's alarms and headline are logged too.

    Args:
        store: address of the studies.
        summaries: agent -> summary of its refit, None without a refit.
    """
    from psy_agents.hpo.refit.run_refit import RefitSummary
    from psy_agents.reporting import tables
    from psy_agents.reporting.figure_style import empty_figure
    from psy_agents.reporting.latex import latex_tables
    from psy_agents.reporting.report_page.figures import report_figures
    from psy_agents.reporting.report_page.page import alarms, headline, report_page
    from psy_agents.reporting.search.studies import FIGURE_TITLES, agent_studies, search_figures
    from psy_agents.reporting.texts import readable_name

    refits = {
        agent: RefitSummary.model_validate(summary)
        for agent, summary in summaries.items()
        if summary is not None and agent not in report.missing
    }
    studies = agent_studies(store, refits)
    searches = {agent: search_figures(agent, studies[agent], refit) for agent, refit in refits.items()}
    figures = report_figures(report)
    titled = {agent: [(FIGURE_TITLES[name], plot) for name, plot in plots.items()] for agent, plots in searches.items()}
    page = report_page(report, figures, titled)
    for sentence in alarms(report):
        log.warning("ALARM: %s", sentence)
    for sentence in headline(report):
        log.info("%s", sentence)
    return {
        "tables": {name: getattr(tables, f"{name}_table")(report) for name in TABLES},
        "latex": latex_tables(report),
        "page": page,
        "figures": {name: figures[name] for name in FIGURES}
        | {
            f"{agent}_{name}": figures.get(f"{name}_{agent}")
            or searches.get(agent, {}).get(name)
            or empty_figure(f"{readable_name(name)}: {agent}", f"{agent} has no refit on these data.")
            for agent in AGENTS
            for name in AGENT_FIGURES
        },
    }
