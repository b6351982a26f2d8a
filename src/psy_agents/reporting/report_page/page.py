"""The report as one HTML page that needs no server and no network. Tables hold all its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psy_agents.evaluation.metrics.registry import OBJECTIVES, TITLES
from psy_agents.evaluation.results import Estimate, EvidenceEvaluation, Report
from psy_agents.reporting.page_parts import Chart, Section
from psy_agents.reporting.report_page import results, training
from psy_agents.reporting.tables import agents_then_baselines, estimate_text, summary_estimates
from psy_agents.reporting.templating import render
from psy_agents.reporting.texts import estimate_with_interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class ReportView:
    """Variables of the template. A section is None if the report has no data for it.

    Attributes:
        has_agents: whether an agent was evaluated.
        scored_evidence: evidence scores of any system; its counts of pairs are the same for all.
    """

    report: Report
    headline: Sequence[str]
    alarms: Sequence[str]
    notes: Sequence[str]
    objectives: Sequence[str]
    has_agents: bool
    scored_evidence: EvidenceEvaluation | None
    summary: Section
    criteria: Section | None
    evidence: Section | None
    comparisons: Section | None
    seeds: Section | None
    choices: Section | None
    ensembles: Section | None
    reliability: Section | None
    errors: Section | None
    search: Mapping[str, Sequence[Chart]]
    costs: Section | None


def report_page(
    report: Report, figures: Mapping[str, Figure], search_figures: Mapping[str, Sequence[tuple[str, Figure]]]
) -> str:
    """Render the page.

    Args:
        figures: name -> figure, as `report_figures` returns them. A missing figure is left out.
        search_figures: agent -> pairs of title and figure.
    """
    view = ReportView(
        report=report,
        headline=headline(report),
        alarms=alarms(report),
        notes=notes(report),
        objectives=[TITLES[metric] for metric in OBJECTIVES.values()],
        has_agents=any(each.kind == "agent" for each in report.evaluations),
        scored_evidence=next((each.evidence for each in report.evaluations if each.evidence is not None), None),
        summary=results.summary_section(report, figures),
        criteria=results.criteria_section(report, figures),
        evidence=results.evidence_section(report),
        comparisons=results.comparisons_section(report),
        seeds=training.seeds_section(report),
        choices=training.choices_section(report),
        ensembles=training.ensembles_section(report),
        reliability=results.reliability_section(report, figures),
        errors=results.errors_section(report, figures),
        search=training.search_charts(search_figures),
        costs=training.costs_section(report),
    )
    return render("psy_agents.reporting", "report.html", view=view)


def headline(report: Report) -> list[str]:
    """A sentence for each side: the best agent and the best baseline."""
    sentences = []
    for side, metric in OBJECTIVES.items():
        agent, baseline = (_best(report, kind, metric) for kind in ("agent", "baseline"))
        if agent is None:
            sentences.append(f"No agent that predicts {side} was evaluated.")
            continue
        against = "" if baseline is None else f"; the best baseline, {baseline[0]}, {estimate_with_interval(baseline[1])}"
        sentences.append(f"Best {TITLES[metric]}: the agent {agent[0]}, {estimate_with_interval(agent[1])}{against}.")
    return sentences


def alarms(report: Report) -> list[str]:
    """A sentence for each model that is no better than a baseline."""
    return [
        f"{alarm.agent} is no better than {alarm.baseline} in {TITLES[alarm.metric]}: "
        f"{estimate_text(alarm.value)} against {estimate_text(alarm.baseline_value)}."
        for alarm in report.alarms
    ]


def notes(report: Report) -> list[str]:
    """Caveats: missing agents, derived criteria, pairs left out."""
    found = [f"{agent} has no refit on these data. It is not in this report." for agent in report.missing]
    for evaluation in agents_then_baselines(report):
        if evaluation.kind == "agent" and evaluation.criterion is not None and evaluation.criterion.derived:
            found.append(f"{evaluation.name} predicts only spans: a criterion with a predicted span counts as met.")
    unknown = {evaluation.evidence.pairs_unknown for evaluation in report.evaluations if evaluation.evidence is not None}
    if any(unknown):
        found.append(
            f"{max(unknown):,} pairs are left out of every evidence metric: their evidence is annotated, but its place is unknown."
        )
    return found


def _best(report: Report, kind: str, metric: str) -> tuple[str, Estimate] | None:
    estimates = {each.name: summary_estimates(each) for each in report.evaluations if each.kind == kind}
    scored = [(name, each[metric]) for name, each in estimates.items() if metric in each]
    return max(scored, key=lambda pair: pair[1].value, default=None)
