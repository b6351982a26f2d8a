"""Sections of the report's page about scores on test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from psy_agents.corpus.quality_figures import AnnotatorFigures
from psy_agents.evaluation.metrics.evidence.token_overlap import TOKEN_F1
from psy_agents.evaluation.metrics.registry import CLASS_METRICS, OBJECTIVES, TITLES, lower_is_better, summary_of
from psy_agents.evaluation.results import ClassScores, Evaluation, Report
from psy_agents.reporting.page_parts import Cell, Chart, Details, Section, Table
from psy_agents.reporting.report_page.figures import ORIGINS
from psy_agents.reporting.tables import (
    agents_then_baselines,
    averages_table,
    class_rows,
    errors_table,
    estimate_text,
    evidence_table,
    p_text,
    summary_estimates,
    verdict,
)
from psy_agents.reporting.texts import estimate_cell, percent, without_line_breaks

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

GROUP_HEADS = {
    "criterion": "by criterion",
    "length": "by length of the post",
    "origin": "by origin; a hard negative has status 0: an annotator marked a sentence as not meeting the criterion",
}
ROWS_OPEN = 12
ANNOTATORS = "one annotator against another"
CAPTIONS = {
    "comparison": "Points are scores, lines are their intervals. The tables hold the numbers.",
    "criteria": "Points are scores, lines are their intervals, grey marks are baselines. The table holds the numbers.",
    "reliability": "Share of positive pairs by predicted probability, and the number of pairs. Grey: before calibration.",
    "errors": "False positives among the negative pairs, false negatives among the positive ones.",
}


def _charts(figures: Mapping[str, Figure], name: str) -> list[Chart]:
    """The figure with its caption, if there is one."""
    return [Chart(f"figure-{name}", figures[name], CAPTIONS[name.split("_")[0]])] if name in figures else []


def comparison_charts(figures: Mapping[str, Figure]) -> list[Chart]:
    """The figure below the summary."""
    return _charts(figures, "comparison")


def summary_section(report: Report) -> Section:
    """The main metrics of all systems."""
    systems = agents_then_baselines(report)
    columns = {side: summary_of(side) for side in ("criteria", "evidence")}
    tables = [
        Table(
            f"Criteria: agents, then baselines; {lower_is_better('criteria')}",
            ["System", *(column.title for column in columns["criteria"].values())],
            [_summary_row(each, columns["criteria"]) for each in systems if each.criterion is not None],
        ),
        Table(
            "Evidence: agents, then baselines",
            ["System", *(column.title for column in columns["evidence"].values())],
            [_summary_row(each, columns["evidence"]) for each in systems if each.evidence is not None],
        ),
    ]
    return Section(tables=tables)


def _summary_row(evaluation: Evaluation, metrics: Iterable[str]) -> list[Cell]:
    estimates = summary_estimates(evaluation)
    return [evaluation.name, *(estimate_cell(estimates.get(metric)) for metric in metrics)]


def criteria_section(report: Report, figures: Mapping[str, Figure]) -> Section | None:
    """Scores of each criterion. None if no system predicts criteria."""
    systems = [each for each in agents_then_baselines(report) if each.criterion is not None]
    if not systems:
        return None
    scores_of = [list(class_rows(each)) for each in systems]
    f1 = [
        [name, scores.support, *(_score(each[row][2], "f1") for each in scores_of)] for row, (_, name, scores) in enumerate(scores_of[0])
    ]
    titles = [metric.title for metric in CLASS_METRICS.values()]
    details = []
    for each, own in zip(systems, scores_of, strict=True):
        rows = [[name, scores.support, scores.predicted, *(_score(scores, metric) for metric in CLASS_METRICS)] for _, name, scores in own]
        table = Table(f"{each.name} by criterion", ["Criterion", "Support", "Predicted", *titles], rows)
        details.append(Details(f"{each.name}: {', '.join(titles)}", tables=[table]))
    averages = averages_table(report)
    rows = [
        [f"{each['system']}, {each['average']}", *(estimate_text(each[name]) for name in ("precision", "recall", "f1"))]
        for each in averages.to_dict("records")
    ]
    caption = "Averages over all criteria and NO_SYMPTOMS as the classes of one problem; a ratio with denominator 0 is 0"
    summary = "Averages in the terms of ReDSM5's authors: NO_SYMPTOMS is a class of its own"
    details.append(Details(summary, tables=[Table(caption, ["System and average", "Precision", "Recall", "F1"], rows)]))
    names = [each.name for each in systems]
    if report.annotators is not None:
        f1 = [[*row, _annotators_f1(report.annotators, part, name)] for row, (part, name, _) in zip(f1, scores_of[0], strict=True)]
        names.append(ANNOTATORS)
    caption = "F1 of each criterion; macro is the mean over those with a positive pair, micro counts all pairs, both without NO_SYMPTOMS"
    table = Table(caption, ["Criterion", "Support", *names], f1)
    return Section(_charts(figures, "criteria"), [table], details)


def _annotators_f1(annotators: AnnotatorFigures, part: str, name: str) -> str | None:
    """On all posts of several annotators, not only those of the test split; None for micro and no symptoms."""
    if part == "macro":
        return estimate_cell(annotators.mean_f1)
    return estimate_cell(annotators.criteria[name].f1) if part == "criterion" else None


def _score(scores: ClassScores, metric: str) -> str:
    """The score of a class, or a dash if no pair is positive."""
    return estimate_cell(scores.estimate(metric)) if scores.support else "–"


def evidence_section(report: Report) -> Section | None:
    """All evidence metrics, over all pairs and by criterion. None if no system predicts evidence."""
    table = evidence_table(report)
    if table.empty:
        return None
    systems = list(table["system"].unique())
    pooled, single = table[table["criterion"].isna()], table[table["criterion"].notna()]
    rows, names = _pivot(pooled, "metric", "system", systems, TITLES.__getitem__), systems
    annotators = report.annotators
    if annotators is not None and annotators.token_f1 is not None:
        of_annotators = {TITLES[OBJECTIVES["evidence"]]: estimate_cell(annotators.token_f1)}
        rows, names = [[*row, of_annotators.get(row[0])] for row in rows], [*systems, ANNOTATORS]
    support = next(each.evidence.support for each in report.evaluations if each.evidence is not None)  # The same for all systems.
    details = []
    for metric in single["metric"].unique():
        of_metric = _pivot(single[single["metric"] == metric], "criterion", "system", systems)
        content = Table(
            f"{TITLES[metric]} of each criterion with evidence, without intervals",
            ["Criterion", "With evidence", *systems],
            [[name, support[name], *values] for name, *values in of_metric],
        )
        details.append(Details(f"{TITLES[metric]} by criterion", tables=[content], opened=metric == OBJECTIVES["evidence"]))
    return Section(tables=[Table("Every evidence metric over all pairs", ["Metric", *names], rows)], details=details)


def _pivot(
    table: pd.DataFrame, rows: str, columns: str, order: Sequence[str], title: Callable[[str], str] = str
) -> list[list[Cell]]:
    """Rows of a page's table, pivoted from a table with one score a row. ``title`` maps the name of a row to its title."""
    found = {
        (each[rows], each[columns]): without_line_breaks(estimate_text(each["value"], each["low"], each["high"]))
        for each in table.to_dict("records")
    }
    names = list(table[rows].unique())
    return [[title(name), *(found.get((name, column)) for column in order)] for name in names]


def comparisons_section(report: Report) -> Section | None:
    """Differences between systems, by metric. None if there are fewer than two systems."""
    if not report.comparisons:
        return None
    details = []
    for metric, with_baseline in dict.fromkeys((each.metric, each.with_baseline) for each in report.comparisons):
        chosen = [each for each in report.comparisons if (each.metric, each.with_baseline) == (metric, with_baseline)]
        family = f"{TITLES[metric]}, agents and {'baselines' if with_baseline else 'each other'}"
        rows: list[list[Cell]] = [
            [
                f"{each.first} − {each.second}",
                estimate_cell(each.difference),
                p_text(each.p_value),
                p_text(each.p_holm),
                verdict(each),
                None if each.detectable is None else estimate_text(each.detectable),
            ]
            for each in chosen
        ]
        caption = f"{family}: first minus second; paired permutation test, {chosen[0].permutations:,} permutations"
        table = Table(caption, ["Systems", "Difference", "p", "p (Holm)", "First is", "Detectable"], rows)
        details.append(Details(f"{family}: {len(rows)} comparisons", tables=[table], opened=len(rows) <= ROWS_OPEN))
    return Section(details=details)


def reliability_section(report: Report, figures: Mapping[str, Figure]) -> Section | None:
    """Reliability diagrams of the agents that predict probabilities. None if none does."""
    agents = [each for each in report.evaluations if each.kind == "agent" and _reliability_tables(each)]
    if not agents:
        return None
    charts = [chart for each in agents for chart in _charts(figures, f"reliability_{each.name}")]
    return Section(charts, details=[Details(f"{each.name}: the bins as a table", tables=_reliability_tables(each)) for each in agents])


def _reliability_tables(evaluation: Evaluation) -> list[Table]:
    if evaluation.criterion is None:
        return []
    calibration = {"": evaluation.criterion.reliability, ", before calibration": evaluation.criterion.reliability_uncalibrated}
    return [
        Table(
            f"Bins of {evaluation.name}{suffix}",
            ["Probability", "Pairs", "Mean probability", "Share positive"],
            [
                [f"{each.low:.2f} to {each.high:.2f}", each.pairs, estimate_text(each.mean_probability), estimate_text(each.share_positive)]
                for each in bins
            ],
        )
        for suffix, bins in calibration.items()
        if bins
    ]


def errors_section(report: Report, figures: Mapping[str, Figure]) -> Section | None:
    """False positives and negatives of each agent by group of pairs. None if there is no agent."""
    table = errors_table(report)
    details = []
    for name in (each.name for each in report.evaluations if each.kind == "agent"):
        chosen = table[(table["system"] == name) & (table["kind"] == "agent")]
        groups = [
            _error_table(f"{name}, {head}", chosen[chosen["group"] == group])
            for group, head in GROUP_HEADS.items()
            if (chosen["group"] == group).any()
        ]
        summary = f"{name}: errors by criterion, length and origin"
        details.append(Details(summary, _charts(figures, f"errors_{name}"), groups, opened=not details))
    return Section(details=details) if details else None


def _error_table(caption: str, table: pd.DataFrame) -> Table:
    span_metrics = [TOKEN_F1] if table[TOKEN_F1.name].notna().any() else []
    rows: list[list[Cell]] = [
        [
            ORIGINS.get(each["name"], each["name"]) if each["group"] == "origin" else each["name"],
            *(int(each[count]) for count in ("pairs", "positives", "false_positives")),
            percent(each["false_positive_rate"]),
            int(each["false_negatives"]),
            percent(each["false_negative_rate"]),
            *(None if pd.isna(each[metric.name]) else estimate_text(each[metric.name]) for metric in span_metrics),
        ]
        for each in table.to_dict("records")
    ]
    heads = ["Part", "Pairs", "Positive", "False positives", "of negatives", "False negatives", "of positives"]
    return Table(caption, [*heads, *(metric.title for metric in span_metrics)], rows)
