"""Sections of the report's page on how the agents came to be: seeds, choices, ensembles, search, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from psy_agents.evaluation.metrics.registry import TITLES, lower_is_better
from psy_agents.evaluation.results import Report
from psy_agents.reporting.html import Cell, html_figure, html_table
from psy_agents.reporting.report_page.parts import cell, details, words
from psy_agents.reporting.tables import estimate_text, p_text, stages_table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ENSEMBLES = {"seeds": "of its seeds", "top_k": "of the best candidates"}
GAIN_HEADS = {"calibration": "calibration", "thresholds": "thresholds by criterion"}


def seeds(report: Report) -> list[str]:
    """The winner's spread over seeds."""
    if not report.seeds:
        return ['<p class="soft">No seeds were recorded.</p>']
    runs = max(len(scores.values) for scores in report.seeds)
    rows: list[list[Cell]] = [
        [
            scores.agent,
            estimate_text(scores.mean),
            estimate_text(scores.standard_deviation),
            *map(estimate_text, scores.values),
            *[None] * (runs - len(scores.values)),
        ]
        for scores in report.seeds
    ]
    return [
        html_table(
            "The winner's objective on validation, trained again with each seed; the deviation is the sample's (n − 1)",
            ["Agent", "Mean", "Deviation", *(f"Seed {run}" for run in range(1, runs + 1))],
            rows,
        )
    ]


def choices(report: Report) -> list[str]:
    """What calibration and thresholds bought."""
    if not report.decisions:
        return ['<p class="soft">No agent gives probabilities, so there was nothing to choose.</p>']
    rows: list[list[Cell]] = [
        [
            f"{each.agent}, {GAIN_HEADS[each.choice]}",
            TITLES[each.metric] if each.criterion is None else f"{TITLES[each.metric]} of {each.criterion}",
            *(cell(figure) for figure in (each.without, each.chosen, each.difference)),
        ]
        for each in report.gains
    ]
    gained = html_table(
        f"On test: each figure without the choice, with it, and the difference; {lower_is_better('criteria')}",
        ["Agent and choice", "Metric", "Without", "With", "Difference"],
        rows,
    )
    nothing = '<p class="soft">No agent has a temperature or thresholds by criterion of its own.</p>'
    return [
        "<p>Chosen on validation and kept in the model: a temperature that divides the log odds of all probabilities of an agent (and a "
        "shift that is added to them, 0 unless it was asked for), "
        "one threshold for all criteria, and one of its own for each criterion with enough positive pairs. An interval that holds "
        "0 says that the choice may have bought nothing.</p>",
        gained if rows else nothing,
        *(
            details(
                f"{each.agent}: temperature {estimate_text(each.temperature)}, shift {estimate_text(each.shift)}, "
                f"pooled threshold {estimate_text(each.threshold)}",
                html_table(
                    f"Thresholds of {each.agent}",
                    ["Criterion", "Positive on validation", "Threshold", "Whose"],
                    [
                        [name, chosen.validation_positives, estimate_text(chosen.threshold), "its own" if chosen.own else "pooled"]
                        for name, chosen in each.criteria.items()
                    ],
                ),
            )
            for each in report.decisions
        ),
    ]


def ensembles(report: Report) -> list[str]:
    """What ensembles gained and cost."""
    if not report.ensembles:
        return ['<p class="soft">Every model is a single agent: no ensemble was asked for.</p>']
    gains: list[list[Cell]] = [
        [f"{each.agent}, {ENSEMBLES[each.kind]}", TITLES[gain.metric], cell(gain.difference), p_text(gain.p_value)]
        for each in report.ensembles
        for gain in each.gain
    ]
    costs: list[list[Cell]] = [
        [
            f"{each.agent}, {name}",
            cost.members,
            f"{cost.train_seconds:,.1f}",
            f"{cost.test_seconds:,.2f}",
            cost.parameters,
            f"{cost.disk_bytes / 1e6:,.1f}",
        ]
        for each in report.ensembles
        for name, cost in (("ensemble", each.cost), ("single winner", each.single_cost))
    ]
    return [
        html_table(
            "Ensemble minus the single winner, on the same test pairs; paired permutation test by post",
            ["Ensemble", "Metric", "Difference", "p"],
            gains,
        ),
        html_table(
            "What they cost: training of all members, one after another, and prediction of the test split, in seconds",
            ["Model", "Members", "Training", "Prediction", "Parameters", "Megabytes"],
            costs,
        ),
    ]


def search(search_figures: Mapping[str, Sequence[tuple[str, Figure]]]) -> list[str]:
    """Figures of each agent's search."""
    parts = []
    for number, (agent, drawn) in enumerate(search_figures.items(), start=1):
        content = [
            f'<h3>{escape(title)}</h3>\n<div class="scroll wide" tabindex="0" role="region" aria-label="{escape(f"{agent}: {title}")}">'
            f"{html_figure(figure, f'search-{number}-{place}')}</div>"
            for place, (title, figure) in enumerate(drawn, start=1)
        ]
        parts.append(details(f"{agent}: {len(content)} figures of its search", "\n".join(content)))
    return parts or ['<p class="soft">No figures of a search were given.</p>']


def costs(report: Report) -> list[str]:
    """What each stage took."""
    if not report.stages:
        return ['<p class="soft">No stage was recorded.</p>']
    table = stages_table(report)
    states = list(table.columns[4 : table.columns.get_loc("best")])
    rows: list[list[Cell]] = [
        [
            f"{each['agent']}, {each['stage']}",
            int(each["trials"]),
            *(int(each[state]) for state in states),
            None if pd.isna(each["best"]) else estimate_text(each["best"]),
            f"{each['training_hours']:,.1f}",
            int(each["epochs"]),
            each["failures"] or "–",
            each["study"],
        ]
        for each in table.to_dict("records")
    ]
    hours = sum(stage.training_hours for stage in report.stages)
    return [
        f"<p>{sum(stage.trials for stage in report.stages):,} trials and {hours:,.1f} hours of training in all.</p>",
        html_table(
            "What each stage took; best: the objective on validation, and of the final model on test",
            ["Stage", "Trials", *map(words, states), "Best", "Hours", "Epochs", "Failures", "Study"],
            rows,
        ),
    ]
