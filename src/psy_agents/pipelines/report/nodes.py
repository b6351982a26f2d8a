"""The report of all agents, as two nodes: its figures in numbers, and what shows them."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from psy_agents.agents.registry import AGENTS
from psy_agents.reporting.config import ReportConfig

log = logging.getLogger(__name__)

TABLES = ("criteria", "summary", "evidence", "comparisons", "errors", "gains", "thresholds", "ensembles", "seeds", "stages")
FIGURES = ("criteria", "comparison")
AGENT_FIGURES = ("reliability", "errors", "history", "importances", "parallel_coordinates", "learning_curves", "timeline")


def make_report(
    posts: pd.DataFrame,
    pairs: pd.DataFrame,
    sentences: pd.DataFrame,
    splits: pd.DataFrame,
    criteria: dict,
    store: str,
    config: ReportConfig,
    *refits: Any,
) -> dict[str, Any]:
    """Score the agents that have a refit on these data beside the baselines, on the same test pairs.

    Args:
        refits: summary and predictions of each agent in turn, None where there is none yet.
    """
    from psy_agents.hpo.refit.run_refit import RefitSummary
    from psy_agents.hpo.run_stage import fingerprint
    from psy_agents.reporting.build import Refitted, build_report, fitting
    from psy_agents.reporting.search.studies import agent_studies, stage_costs
    from psy_agents.training.data import Corpus

    corpus = Corpus(posts, pairs, sentences, splits, criteria)
    data = fingerprint(corpus)
    every = {
        agent: Refitted(RefitSummary.model_validate(summary), predictions)
        for agent, summary, predictions in zip(AGENTS, refits[::2], refits[1::2], strict=True)
        if summary is not None and predictions is not None
    }
    chosen = fitting(every, data)
    for agent in sorted(set(every) - set(chosen)):
        log.warning("%s: its latest refit is of another corpus or other splits, so the report leaves it out", agent)
    studies = agent_studies(store, {agent: refitted.summary for agent, refitted in chosen.items()})
    report = build_report(corpus, data, chosen, stage_costs(studies), config)
    for alarm in report.alarms:
        log.warning(
            "ALARM: %s is no better than the baseline %s: %s %.4f against %.4f on test",
            alarm.agent, alarm.baseline, alarm.metric, alarm.value, alarm.baseline_value,
        )  # fmt: skip
    return report.model_dump(mode="json")


def show_report(report: dict, store: str, *summaries: dict | None) -> tuple[Any, ...]:
    """The report's tables, LaTeX, page, and figures of all agents and of each, in the order of the outputs.

    Args:
        summaries: of each agent's refit, None where there is none yet.
    """
    from psy_agents.evaluation.results import Report
    from psy_agents.hpo.refit.run_refit import RefitSummary
    from psy_agents.reporting import tables
    from psy_agents.reporting.figure_style import absent_plot
    from psy_agents.reporting.latex import latex_tables
    from psy_agents.reporting.report_page.figures import report_figures
    from psy_agents.reporting.report_page.page import headline, report_page
    from psy_agents.reporting.search.studies import agent_studies, search_figures

    shown = Report.model_validate(report)
    refits = {
        agent: RefitSummary.model_validate(summary)
        for agent, summary in zip(AGENTS, summaries, strict=True)
        if summary is not None and agent not in shown.missing
    }
    studies = agent_studies(store, refits)
    searches = {agent: search_figures(agent, studies[agent], refit) for agent, refit in refits.items()}
    figures = report_figures(shown)
    page = report_page(shown, figures, {agent: list(drawn.items()) for agent, drawn in searches.items()})
    of_agents = [
        figures.get(f"{name}_{agent}")
        or searches.get(agent, {}).get(name)
        or absent_plot(f"{name.replace('_', ' ')}: {agent}", f"{agent} has no refit on these data.")
        for agent in AGENTS
        for name in AGENT_FIGURES
    ]
    for sentence in headline(shown):
        log.info("%s", sentence)
    return (
        *(getattr(tables, f"{name}_table")(shown) for name in TABLES),
        latex_tables(shown),
        page,
        *(figures[name] for name in FIGURES),
        *of_agents,
    )
