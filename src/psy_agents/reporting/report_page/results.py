"""Sections of the report's page on what the systems reached on test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from psy_agents.evaluation.metrics.registry import CLASS_METRICS, OBJECTIVES, TITLES, lower_is_better, summary_of
from psy_agents.evaluation.results import ClassScores, Evaluation, Report
from psy_agents.reporting.figures import ORIGINS
from psy_agents.reporting.html import Cell, html_table
from psy_agents.reporting.report_page.parts import cell, details, drawn, percent, unbroken
from psy_agents.reporting.tables import (
    classes,
    errors_table,
    estimate_text,
    evidence_table,
    ordered,
    p_text,
    summary_figures,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

GROUP_HEADS = {
    "criterion": "by criterion",
    "length": "by length of the post",
    "origin": "by origin; a hard negative has status 0: an annotator marked a sentence as not meeting the criterion",
}
ROWS_OPEN = 12


def summary(report: Report, figures: Mapping[str, Figure]) -> list[str]:
    """All systems beside each other."""
    systems = ordered(report)
    seeds = {scores.agent: f"{estimate_text(scores.mean)} ± {estimate_text(scores.standard_deviation)}" for scores in report.seeds}
    with_criteria = [each for each in systems if each.criterion is not None]
    with_evidence = [each for each in systems if each.evidence is not None]
    columns = {side: summary_of(side) for side in ("criteria", "evidence")}
    over_seeds = any(each.kind == "agent" and each.name in seeds for each in systems)
    return [
        f"<p>{report.posts:,} posts and {report.pairs:,} pairs of post and criterion, of the test split.</p>",
        *drawn(figures, "comparison"),
        html_table(
            f"Criteria: agents, then baselines; {lower_is_better('criteria')}",
            ["System", *(column.title for column in columns["criteria"].values())],
            [_summary_row(each, columns["criteria"]) for each in with_criteria],
        ),
        html_table(
            "Evidence: agents, then baselines",
            ["System", *(column.title for column in columns["evidence"].values())],
            [_summary_row(each, columns["evidence"]) for each in with_evidence],
        ),
        *(
            [
                html_table(
                    "Objective on validation over the fixed seeds: mean ± standard deviation",
                    ["Agent", "Objective"],
                    [[each.name, seeds.get(each.name)] for each in systems if each.kind == "agent"],
                )
            ]
            if over_seeds
            else []
        ),
    ]


def _summary_row(evaluation: Evaluation, metrics: Iterable[str]) -> list[Cell]:
    figures = summary_figures(evaluation)
    return [evaluation.name, *(cell(figures.get(metric)) for metric in metrics)]


def criteria(report: Report, figures: Mapping[str, Figure]) -> list[str]:
    """Each criterion's figures."""
    shown = [each for each in ordered(report) if each.criterion is not None]
    if not shown:
        return ['<p class="soft">No model or baseline predicts criteria.</p>']
    tables = [list(classes(each)) for each in shown]
    f1 = [
        [name, scores.support, *(_score(table[row][2], "f1") for table in tables)]
        for row, (_, name, scores) in enumerate(tables[0])
    ]
    titles = [metric.title for metric in CLASS_METRICS.values()]
    return [
        *drawn(figures, "criteria"),
        html_table("F1 of each criterion", ["Criterion", "Support", *(each.name for each in shown)], f1),
        *(
            details(
                f"{each.name}: {', '.join(titles)}",
                html_table(
                    f"{each.name} by criterion",
                    ["Criterion", "Support", "Predicted", *titles],
                    [
                        [name, scores.support, scores.predicted, *(_score(scores, metric) for metric in CLASS_METRICS)]
                        for _, name, scores in table
                    ],
                ),
            )
            for each, table in zip(shown, tables, strict=True)
        ),
    ]


def _score(scores: ClassScores, metric: str) -> str:
    """A class's figure; a dash where no pair has it, so that there was nothing to find."""
    return cell(scores.estimate(metric)) if scores.support else "–"


def evidence(report: Report) -> list[str]:
    """All evidence metrics, together and by criterion."""
    table = evidence_table(report)
    if table.empty:
        return ['<p class="soft">No model or baseline predicts evidence.</p>']
    systems = list(table["system"].unique())
    pooled, single = table[table["criterion"].isna()], table[table["criterion"].notna()]
    parts = [
        html_table(
            "Every evidence metric over all pairs",
            ["Metric", *systems],
            _pivoted(pooled, "metric", "system", systems, TITLES.__getitem__),
        )
    ]
    for metric in single["metric"].unique():
        content = html_table(
            f"{TITLES[metric]} of each criterion with evidence, without intervals",
            ["Criterion", *systems],
            _pivoted(single[single["metric"] == metric], "criterion", "system", systems),
        )
        parts.append(details(f"{TITLES[metric]} by criterion", content, opened=metric == OBJECTIVES["evidence"]))
    counted = next(each.evidence for each in report.evaluations if each.evidence is not None)
    return [
        f"<p>{counted.pairs:,} pairs are scored, {counted.pairs_with_evidence:,} of them with evidence.</p>",
        *parts,
    ]


def _pivoted(
    table: pd.DataFrame, rows: str, columns: str, order: Sequence[str], shown: Callable[[str], str] = str
) -> list[list[Cell]]:
    """Rows of a page's table from one row a figure, named as ``shown`` has it."""
    found = {
        (each[rows], each[columns]): unbroken(estimate_text(each["value"], each["low"], each["high"]))
        for each in table.to_dict("records")
    }
    names = list(table[rows].unique())
    return [[shown(name), *(found.get((name, column)) for column in order)] for name in names]


def comparisons(report: Report) -> list[str]:
    """Systems in pairs, each metric in a part."""
    if not report.comparisons:
        return ['<p class="soft">There are no two systems to compare.</p>']
    parts = []
    for metric in dict.fromkeys(each.metric for each in report.comparisons):
        chosen = [each for each in report.comparisons if each.metric == metric]
        rows = [
            [f"{each.first} − {each.second}", cell(each.difference), p_text(each.p_value), p_text(each.p_holm)] for each in chosen
        ]
        caption = f"{TITLES[metric]}: first minus second; paired permutation test by post, {chosen[0].permutations:,} permutations"
        table = html_table(caption, ["Systems", "Difference", "p", "p (Holm)"], rows)
        parts.append(details(f"{TITLES[metric]}: {len(rows)} comparisons", table, opened=len(rows) <= ROWS_OPEN))
    return parts


def reliability(report: Report, figures: Mapping[str, Figure]) -> list[str]:
    """Share of positive pairs by the probability given."""
    agents = [each for each in report.evaluations if each.kind == "agent"]
    diagrams = [part for each in agents for part in drawn(figures, f"reliability_{each.name}")]
    explained = (
        "<p>Of the pairs that were given about the same probability, the share that is positive; on the dashed line they are "
        "equal. Points from few pairs, as the lower bars tell, say little.</p>"
    )
    return [explained, *diagrams, *map(_bins, agents)] if agents else ['<p class="soft">There is no agent to show.</p>']


def _bins(evaluation: Evaluation) -> str:
    if evaluation.criterion is None or not evaluation.criterion.reliability:
        return ""
    sides = {"": evaluation.criterion.reliability, ", before calibration": evaluation.criterion.reliability_uncalibrated}
    tables = [
        html_table(
            f"Bins of {evaluation.name}{when}",
            ["Probability", "Pairs", "Mean probability", "Share positive"],
            [
                [f"{each.low:.2f} to {each.high:.2f}", each.pairs, estimate_text(each.mean_probability), estimate_text(each.share_positive)]
                for each in bins
            ],
        )
        for when, bins in sides.items()
        if bins
    ]
    return details(f"{evaluation.name}: the bins as a table", "\n".join(tables))


def errors(report: Report, figures: Mapping[str, Figure]) -> list[str]:
    """Where each agent errs."""
    table = errors_table(report)
    parts = []
    for name in (each.name for each in report.evaluations if each.kind == "agent"):
        chosen = table[(table["system"] == name) & (table["kind"] == "agent")]
        groups = [
            _errors_of_group(f"{name}, {head}", chosen[chosen["group"] == group])
            for group, head in GROUP_HEADS.items()
            if (chosen["group"] == group).any()
        ]
        content = "\n".join([*drawn(figures, f"errors_{name}"), *groups])
        parts.append(details(f"{name}: errors by criterion, length and origin", content, opened=not parts))
    return parts or ['<p class="soft">There is no agent to show.</p>']


def _errors_of_group(caption: str, table: pd.DataFrame) -> str:
    spans = [TITLES[OBJECTIVES["evidence"]]] if table["token_f1"].notna().any() else []
    rows: list[list[Cell]] = [
        [
            ORIGINS.get(each["name"], each["name"]) if each["group"] == "origin" else each["name"],
            *(int(each[count]) for count in ("pairs", "positives", "false_positives")),
            percent(each["false_positive_rate"]),
            int(each["false_negatives"]),
            percent(each["false_negative_rate"]),
            *(None if pd.isna(each["token_f1"]) else estimate_text(each["token_f1"]) for _ in spans),
        ]
        for each in table.to_dict("records")
    ]
    heads = ["Part", "Pairs", "Positive", "False positives", "of negatives", "False negatives", "of positives"]
    return html_table(caption, [*heads, *spans], rows)
