"""The report as one HTML page that needs no server and no network. Tables hold all its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psy_agents.corpus.quality_figures import AnnotatorFigures
from psy_agents.evaluation.calibration import MAX_TEMPERATURE
from psy_agents.evaluation.metrics.registry import OBJECTIVES, TITLES
from psy_agents.evaluation.results import Alarm, Comparison, EvidenceEvaluation, Report
from psy_agents.evaluation.significance import ALPHA
from psy_agents.reporting.page_parts import Chart, Section
from psy_agents.reporting.report_page import results, training
from psy_agents.reporting.tables import agents_then_baselines, p_text
from psy_agents.reporting.templating import render
from psy_agents.reporting.texts import UNTUNED, estimate_with_interval, listed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class ReportView:
    """Variables of the template. A section is None if the report has no data for it.

    Attributes:
        origin: what the report is of and what made it.
        alarmed: the agents with an alarm and the verb.
        no_alarm: what is shown where there is no alarm.
        scored_evidence: evidence scores of any system; its counts of pairs are the same for all.
    """

    report: Report
    title: str
    origin: Sequence[str]
    headline: Sequence[str]
    alarms: Sequence[str]
    alarmed: str
    no_alarm: str | None
    notes: Sequence[str]
    scored_evidence: EvidenceEvaluation | None
    summary: Section
    comparison: Sequence[Chart]
    criteria: Section | None
    evidence: Section | None
    comparisons: Section | None
    selection: Section | None
    seeds: Section | None
    choices: Section | None
    ensembles: Section | None
    reliability: Section | None
    errors: Section | None
    search: Mapping[str, Sequence[Chart]]
    backbones: Section | None
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
        title=title(report),
        origin=origin(report),
        headline=headline(report),
        alarms=alarms(report),
        alarmed=alarmed(report),
        no_alarm=no_alarm(report),
        notes=notes(report),
        scored_evidence=next((each.evidence for each in report.evaluations if each.evidence is not None), None),
        summary=results.summary_section(report),
        comparison=results.comparison_charts(figures),
        criteria=results.criteria_section(report, figures),
        evidence=results.evidence_section(report),
        comparisons=results.comparisons_section(report),
        selection=training.selection_section(report),
        seeds=training.seeds_section(report),
        choices=training.choices_section(report),
        ensembles=training.ensembles_section(report),
        reliability=results.reliability_section(report, figures),
        errors=results.errors_section(report, figures),
        search=training.search_charts(search_figures),
        backbones=training.backbones_section(report),
        costs=training.costs_section(report),
    )
    return render("psy_agents.reporting", "report.html", view=view)


def title(report: Report) -> str:
    """What the report is of."""
    return "Results" if report.provenance is None else f"Results on {report.provenance.corpus}"


def origin(report: Report) -> list[str]:
    """When and by what the report was made: date, commit, environment, seeds of the refits, test pairs."""
    made, found = report.provenance, []
    if made is not None:
        commit, _, changed = made.git_commit.partition("+")
        found = [
            f"{made.made_at:%Y-%m-%d %H:%M} UTC",
            f"commit {commit[:12]}{' with uncommitted changes' if changed else ''}",
            f"environment {made.environment}",
        ]
    seeds = dict.fromkeys(seed for each in report.seeds for seed in each.seeds)
    found += [f"seeds {', '.join(map(str, seeds))}"] if seeds else []
    return [*found, f"{report.posts:,} posts and {report.pairs:,} pairs of post and criterion in the test split"]


def headline(report: Report) -> list[str]:
    """A sentence for each agent and metric, in the agents' order: its value, and whether it is shown to be better than the baselines.

    All agents are named: to name the best on test would choose it on test.
    """
    sentences = []
    for side, metric in OBJECTIVES.items():
        agents = [each for each in report.evaluations if each.kind == "agent" and metric in each.objectives]
        if not agents:
            sentences.append(f"No agent that predicts {side} was evaluated.")
        for each in agents:
            value = estimate_with_interval(each.estimate(metric))
            sentences.append(f"{TITLES[metric]} of {each.name} on test: {value}{_against_baselines(report, each.name, metric)}.")
    return sentences


def _against_baselines(report: Report, agent: str, metric: str) -> str:
    compared = _with_baselines(report, agent, metric)
    if not compared:
        return "; no baseline was compared"
    doubtful = [each.second for each in compared if not each.better]
    if doubtful:
        return f"; not shown to be better than {listed(doubtful)}"
    closest = min(compared, key=lambda each: each.difference.value)
    return (
        f"; better than every baseline, than {closest.second} by {estimate_with_interval(closest.difference)} "
        f"(p {_equals(closest.p_holm)} after Holm's correction)"
    )


def alarms(report: Report) -> list[str]:
    """A sentence for each agent and metric in which it is not shown to be better than some baselines, and one for those that beat it."""
    sentences = []
    groups = dict.fromkeys((alarm.agent, alarm.metric, alarm.worse) for alarm in report.alarms)
    for agent, metric, worse in groups:
        chosen = [each for each in report.alarms if (each.agent, each.metric, each.worse) == (agent, metric, worse)]
        named = [f"{each.baseline} ({_alarming(each)})" for each in chosen]
        words = "worse than" if worse else "not shown to be better than"
        sentences.append(f"{agent} is {words} {listed(named)} in {TITLES[metric]}; each p is Holm-corrected.")
    return sentences


def _alarming(alarm: Alarm) -> str:
    same = "the same answers on every pair; " if alarm.same_answers else ""
    return f"{same}difference {estimate_with_interval(alarm.difference)}, p {_equals(alarm.p_holm)}"


def alarmed(report: Report) -> str:
    """The agents with an alarm, for its heading: ``share and joint are``."""
    agents = list(dict.fromkeys(alarm.agent for alarm in report.alarms))
    return f"{listed(agents)} {'is' if len(agents) == 1 else 'are'}"


def no_alarm(report: Report) -> str | None:
    """What is shown where there is no alarm: the metrics of each agent that were compared. None without a comparison."""
    compared = dict.fromkeys((each.first, each.metric) for each in report.comparisons if each.with_baseline)
    metrics = {agent: [TITLES[metric] for name, metric in compared if name == agent] for agent, _ in compared}
    if not metrics:
        return None
    return f"No alarm: better than every baseline are {listed([f'{name} in {listed(each)}' for name, each in metrics.items()])}."


def _with_baselines(report: Report, agent: str, metric: str) -> list[Comparison]:
    return [each for each in report.comparisons if each.with_baseline and (each.first, each.metric) == (agent, metric)]


def _equals(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


def notes(report: Report) -> list[str]:
    """Caveats: missing agents, derived criteria, pairs left out."""
    found = [f"{agent} has no refit on these data. It is not in this report." for agent in report.missing]
    for evaluation in agents_then_baselines(report):
        if evaluation.kind == "agent" and evaluation.criterion is not None and evaluation.criterion.derived:
            found.append(
                f"{evaluation.name} predicts only spans: a criterion with a predicted span counts as met, and these figures of criteria "
                f"are compared with no other system's."
            )
    found += _finding_nothing(report)
    found += [
        f"{each.agent}: its temperature is {MAX_TEMPERATURE:g}, the highest there is. Calibrated, its probabilities are nearly equal: on "
        f"held-out pairs they said nearly nothing."
        for each in report.decisions
        if each.temperature >= MAX_TEMPERATURE
    ]
    found += [
        f"{agent} and {UNTUNED}_{agent} are one model: the search found nothing better than its first trial."
        for agent in report.untuned_winners
    ]
    found += _too_few_permutations(report)
    unknown = {evaluation.evidence.pairs_unknown for evaluation in report.evaluations if evaluation.evidence is not None}
    if any(unknown):
        found.append(
            f"{max(unknown):,} pairs are left out of every evidence metric: their evidence is annotated, but its place is unknown."
        )
    if report.annotators is not None and report.annotators.mean_f1 is not None:
        found.append(ceiling(report.annotators))
    return found


def _finding_nothing(report: Report) -> list[str]:
    """A caveat for each agent that predicts nothing in any post."""
    agents = [each for each in report.evaluations if each.kind == "agent" and each.criterion is not None]
    return [
        f"{each.name} predicts no span in any test post."
        if each.criterion.derived
        else f"{each.name} finds no criterion in any test post: no probability reaches its threshold. Its F1 is 0 whatever its ranking is "
        f"worth, which AUPRC shows."
        for each in agents
        if not each.criterion.micro.predicted
    ]


def _too_few_permutations(report: Report) -> list[str]:
    """A caveat where the least p that permutations can give, corrected for the largest family, exceeds the level."""
    families = Counter((each.metric, each.with_baseline, each.permutations) for each in report.comparisons)
    short = [(tests, permutations) for (_, _, permutations), tests in families.items() if tests / (permutations + 1) > ALPHA]
    if not short:
        return []
    tests, permutations = max(short)
    return [
        f"With {permutations:,} permutations and {tests} comparisons no p can be at most {ALPHA:g} after Holm's correction, whatever the "
        f"difference: raise report.permutations."
    ]


def ceiling(annotators: AnnotatorFigures) -> str:
    """What the agreement of annotators says of an agent's macro-F1 and token-F1."""
    f1, alpha, tokens = estimate_with_interval(annotators.mean_f1), annotators.mean_alpha, annotators.token_f1
    alphas = "" if alpha is None else f" (mean of Krippendorff's alphas: {estimate_with_interval(alpha)})"
    evidence = "" if tokens is None else f", and on evidence with a token-F1 of {estimate_with_interval(tokens)}"
    return (
        f"The {annotators.annotators} annotators agree with each other with a macro-F1 of {f1}{alphas}{evidence}, on the "
        f"{annotators.posts_of_several:,} posts of the corpus that several of them rated. An agent above it agrees with the labels better "
        f"than one annotator with another, so more can hardly be shown on these labels."
    )
