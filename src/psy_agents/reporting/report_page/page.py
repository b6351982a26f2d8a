"""The report as one HTML page that needs nothing else: no server, no network. It reads without its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from psy_agents.evaluation.metrics.registry import OBJECTIVES, TITLES
from psy_agents.evaluation.results import Estimate, Report
from psy_agents.reporting.html import html_document
from psy_agents.reporting.report_page import results as page_results
from psy_agents.reporting.report_page import training as page_training
from psy_agents.reporting.report_page.parts import with_interval
from psy_agents.reporting.tables import estimate_text, ordered, summary_figures

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STYLE = """
body { max-width: 72rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; padding: 0; margin: 1rem 0 0; font-size: .92rem; }
a { color: inherit; }
h3 { font-size: 1.02rem; margin: 1.5rem 0 .25rem; }
.headline + .headline { margin-top: -.5rem; }
.notes + .notes, .alarms + .notes { margin-top: 1rem; }
.alarms { background: var(--alarm); border-left: 6px solid var(--alarm-line); padding: .75rem 1rem; }
.alarms h2 { margin: 0; padding: 0; border: 0; font-size: 1.15rem; }
.alarms ul { margin: .25rem 0 0; padding-left: 1.2rem; }
:root { --alarm: #fde6df; --alarm-line: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --alarm: #43200f; } }
details { margin: .75rem 0; }
summary { cursor: pointer; padding: .25rem 0; overflow-wrap: anywhere; }
.number { white-space: normal; }
th:first-child { position: sticky; left: 0; background: var(--page); padding-left: 2px; min-width: 9.25rem; max-width: 12rem; }
@media (min-width: 40rem) { th[scope=row] { min-width: 11rem; } }
.scroll:focus-visible, summary:focus-visible, a:focus-visible { outline: 2px solid var(--note-line); outline-offset: 2px; }
.wide > figure { min-width: 44rem; }
"""

# A figure in a closed part was drawn without a width, so that it is measured again when the part opens.
SCRIPT = """
for (const part of document.querySelectorAll("details")) {
  part.addEventListener("toggle", () => part.querySelectorAll(".js-plotly-plot").forEach(plot => Plotly.Plots.resize(plot)));
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(part => { part.open = true; }));
"""


def report_page(
    report: Report, figures: Mapping[str, Figure], search_figures: Mapping[str, Sequence[tuple[str, Figure]]]
) -> str:
    """The page.

    Args:
        figures: by the names that `report_figures` gives; one that is not there is left out.
        search_figures: titles and figures of an agent's search, by agent.
    """
    sections = {
        "summary": ("Summary", page_results.summary(report, figures)),
        "criteria": ("Criteria", page_results.criteria(report, figures)),
        "evidence": ("Evidence", page_results.evidence(report)),
        "comparisons": ("Comparisons", page_results.comparisons(report)),
        "seeds": ("Seeds", page_training.seeds(report)),
        "choices": ("Calibration and thresholds", page_training.choices(report)),
        "ensembles": ("Ensembles", page_training.ensembles(report)),
        "reliability": ("Reliability", page_results.reliability(report, figures)),
        "errors": ("Errors", page_results.errors(report, figures)),
        "search": ("Search", page_training.search(search_figures)),
        "costs": ("Costs", page_training.costs(report)),
        "reading": ("How to read this", _reading(report)),
    }
    links = "".join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, (title, _) in sections.items())
    body = [
        "<header>",
        "<h1>Report</h1>",
        *(f'<p class="headline">{escape(sentence)}</p>' for sentence in headline(report)),
        _alarms(report),
        _notes(report),
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>',
        "</header>",
        "<main>",
        *(
            "\n".join([f'<section aria-labelledby="{name}">', f'<h2 id="{name}">{escape(title)}</h2>', *content, "</section>"])
            for name, (title, content) in sections.items()
        ),
        "</main>",
    ]
    return html_document("Report", body, STYLE, SCRIPT)


def headline(report: Report) -> list[str]:
    """The best agent of each side, beside the best baseline, in a sentence each."""
    sentences = []
    for side, metric in OBJECTIVES.items():
        agent, baseline = (_best(report, kind, metric) for kind in ("agent", "baseline"))
        if agent is None:
            sentences.append(f"No agent that predicts {side} was evaluated.")
            continue
        against = "" if baseline is None else f"; the best baseline, {baseline[0]}, {with_interval(baseline[1])}"
        sentences.append(f"Best {TITLES[metric]}: the agent {agent[0]}, {with_interval(agent[1])}{against}.")
    return sentences


def alarms(report: Report) -> list[str]:
    """A sentence for each model that is no better than a baseline."""
    return [
        f"{alarm.agent} is no better than {alarm.baseline} in {TITLES[alarm.metric]}: "
        f"{estimate_text(alarm.value)} against {estimate_text(alarm.baseline_value)}."
        for alarm in report.alarms
    ]


def notes(report: Report) -> list[str]:
    """What a reader should know before the figures are used."""
    found = [f"{agent} has no refit on these data: it is not in this report." for agent in report.missing]
    for evaluation in ordered(report):
        if evaluation.kind == "agent" and evaluation.criterion is not None and evaluation.criterion.derived:
            found.append(f"{evaluation.name} predicts spans alone: a criterion with a predicted span counts as met.")
    unknown = {evaluation.evidence.pairs_unknown for evaluation in report.evaluations if evaluation.evidence is not None}
    if any(unknown):
        found.append(
            f"{max(unknown):,} pairs are left out of every evidence figure: their evidence is annotated, but its place is not known."
        )
    return found


def _best(report: Report, kind: str, metric: str) -> tuple[str, Estimate] | None:
    figures = {each.name: summary_figures(each) for each in report.evaluations if each.kind == kind}
    having = [(name, each[metric]) for name, each in figures.items() if metric in each]
    return max(having, key=lambda pair: pair[1].value, default=None)


def _alarms(report: Report) -> str:
    told = alarms(report)
    if told:
        return _box("alarms", f"{'Alarm' if len(told) == 1 else 'Alarms'}: no better than a baseline", told)
    if not any(each.kind == "agent" for each in report.evaluations):
        return ""
    objectives = " and in ".join(TITLES[metric] for metric in OBJECTIVES.values())
    return f'<p class="soft">No alarm: every agent is above the baselines in {objectives}.</p>'


def _notes(report: Report) -> str:
    told = notes(report)
    return _box("notes", "To know first", told) if told else ""


def _box(name: str, title: str, sentences: Iterable[str]) -> str:
    items = "\n".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<section class="{name}" aria-labelledby="{name}">\n<h2 id="{name}">{title}</h2>\n<ul>\n{items}\n</ul>\n</section>'


def _reading(report: Report) -> list[str]:
    return [
        "<p><strong>These models are instruments of research. They are not a diagnostic device:</strong> nothing here says whether "
        "a person has a disorder, and a criterion that a model did not find, a thought of suicide above all, can be there.</p>",
        f"<p>Intervals are 95&nbsp;% percentile intervals of a bootstrap over posts ({report.resamples:,} resamples): all pairs of a "
        "post are drawn together. They tell how much other test posts would change a figure, not how much another training would: "
        "for that see Seeds. Rare criteria have wide intervals, and differences between systems on them mean little.</p>",
        "<p>p is how often exchanging the two systems' predictions post by post gives so great a difference by chance alone; "
        "Holm's correction is over the comparisons of one metric. An empty cell is a figure that the system does not have.</p>",
        f'<p class="soft">Data: {escape(report.data_hash)}</p>',
    ]
