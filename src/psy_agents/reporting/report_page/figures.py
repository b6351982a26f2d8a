"""Figures of the report. None holds text of a post."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psy_agents.evaluation.metrics.registry import OBJECTIVES, SUMMARY
from psy_agents.evaluation.results import Estimate, Evaluation, Report
from psy_agents.reporting.figure_style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    empty_figure,
    label_rows,
    lay_out,
    plotly_text,
    short_label,
)
from psy_agents.reporting.tables import NO_SYMPTOMS, agents_then_baselines, estimate_text, summary_estimates

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Baselines are grey and differ by their symbols.
AGENT_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY)
BASELINE_COLOUR = GREY
AGENT_SYMBOLS = ("circle", "square", "diamond", "triangle-up")
BASELINE_SYMBOLS = ("x-thin-open", "cross-thin-open", "asterisk-open", "circle-open", "square-open", "diamond-open")
OBJECTIVE_MARKS = {"criteria": (BLUE, "circle", -0.16), "evidence": (ORANGE, "square", 0.16)}
"""Colour, symbol and shift of the metric of each side."""
ERROR_COLOURS = {"false positives, of negatives": ORANGE, "false negatives, of positives": BLUE}
GROUPS = ("criterion", "length", "origin")
ORIGINS = {
    "positive": "positives",
    "explicit_negative": "hard negatives",
    "implicit_negative": "easy negatives",
}
ROW_HEIGHT = 13


def report_figures(report: Report) -> dict[str, Figure]:
    """Every figure by its name. The name of an agent's figure ends in the agent's name."""
    figures = {"criteria": criteria_plot(report), "comparison": comparison_plot(report)}
    for evaluation in report.evaluations:
        if evaluation.kind == "agent":
            figures[f"reliability_{evaluation.name}"] = reliability_plot(evaluation)
            figures[f"errors_{evaluation.name}"] = errors_plot(evaluation)
    return figures


def criteria_plot(report: Report) -> Figure:
    """F1 of each criterion with intervals: agents in colour, baselines in grey."""
    import plotly.graph_objects as go

    systems = [evaluation for evaluation in agents_then_baselines(report) if evaluation.criterion is not None]
    if not systems:
        return empty_figure("F1 by criterion", "No model or baseline predicts criteria.")
    names = list(systems[0].criterion.per_criterion)
    labels = [*names, NO_SYMPTOMS]
    figure = go.Figure()
    for place, evaluation in enumerate(systems):
        classes = [*(evaluation.criterion.per_criterion[name] for name in names), evaluation.criterion.no_symptoms]
        shift = (place - (len(systems) - 1) / 2) * 0.8 / len(systems)
        rows = [row for row, scores in enumerate(classes) if scores.f1 is not None]  # Without a positive pair there is no F1.
        _add_estimates(
            figure,
            evaluation.name,
            [classes[row].f1 for row in rows],
            [row + shift for row in rows],
            [labels[row] for row in rows],
            _marker(systems, place),
        )
    lay_out(figure, "F1 by criterion", content_height=ROW_HEIGHT * (len(systems) + 1) * len(labels))
    _score_axis(figure, "F1")
    label_rows(figure, [short_label(label) for label in labels], showgrid=False, zeroline=False)
    for row in range(1, len(labels)):
        figure.add_hline(row - 0.5, line={"color": "#b0b0b0", "width": 1}, opacity=0.5)
    return figure


def comparison_plot(report: Report) -> Figure:
    """The metric of each side with its interval for every system, agents above baselines."""
    import plotly.graph_objects as go

    systems = [(each, summary_estimates(each)) for each in agents_then_baselines(report)]
    if not systems:
        return empty_figure("Macro-F1 and token-F1", "Neither a model nor a baseline was evaluated.")
    figure = go.Figure()
    labels = [each.name for each, _ in systems]
    names = {side: f"{SUMMARY[metric].title} ({side})" for side, metric in OBJECTIVES.items()}
    for side, (colour, symbol, shift) in OBJECTIVE_MARKS.items():
        metric = OBJECTIVES[side]
        rows = [(row, estimates[metric]) for row, (_, estimates) in enumerate(systems) if metric in estimates]
        if rows:
            _add_estimates(
                figure,
                names[side],
                [estimate for _, estimate in rows],
                [row + shift for row, _ in rows],
                [labels[row] for row, _ in rows],
                {"color": colour, "symbol": symbol, "size": 9},
            )
    lay_out(figure, "Macro-F1 and token-F1", content_height=2.4 * ROW_HEIGHT * len(labels))
    _score_axis(figure, "F1")
    label_rows(figure, [short_label(label) for label in labels], showgrid=False, zeroline=False)
    agents = sum(each.kind == "agent" for each, _ in systems)
    if 0 < agents < len(systems):
        figure.add_hline(agents - 0.5, line={"color": BASELINE_COLOUR, "width": 1, "dash": "dot"})
    return figure


def reliability_plot(evaluation: Evaluation) -> Figure:
    """Share of positive pairs by predicted probability, above the number of pairs."""
    from plotly.subplots import make_subplots

    title = f"Reliability: {short_label(evaluation.name)}"
    bins = [] if evaluation.criterion is None else [each for each in evaluation.criterion.reliability if each.pairs]
    if not bins:
        return empty_figure(title, "No probabilities: this agent predicts only spans.")
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": BASELINE_COLOUR, "dash": "dash"}, hoverinfo="skip", row=1, col=1
    )
    before = evaluation.criterion.reliability_uncalibrated
    if before:
        figure.add_scatter(
            x=[each.mean_probability for each in before],
            y=[each.share_positive for each in before],
            mode="lines+markers",
            line={"color": BASELINE_COLOUR, "width": 1},
            marker={"size": 5},
            text=[f"before calibration, mean {each.mean_probability:.3f}: positive {each.share_positive:.3f}" for each in before],
            hovertemplate="%{text}<extra></extra>",
            row=1,
            col=1,
        )
    hover = [
        f"probability {each.low:.2f} to {each.high:.2f}: {each.pairs:,} pairs<br>mean {each.mean_probability:.3f}, "
        f"positive {each.share_positive:.3f}"
        for each in bins
    ]
    figure.add_scatter(
        x=[each.mean_probability for each in bins],
        y=[each.share_positive for each in bins],
        mode="lines+markers",
        line={"color": AGENT_COLOURS[0]},
        marker={"size": 9},
        text=hover,
        hovertemplate="%{text}<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_bar(
        x=[(each.low + each.high) / 2 for each in bins],
        y=[each.pairs for each in bins],
        width=[0.9 * (each.high - each.low) for each in bins],
        marker={"color": AGENT_COLOURS[0]},
        text=hover,
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
        row=2,
        col=1,
    )
    lay_out(figure, title, content_height=330)
    figure.update_layout(showlegend=False)
    figure.update_xaxes(range=[-0.02, 1.02], dtick=0.2)
    figure.update_xaxes(title="Mean probability of the bin", row=2, col=1)
    figure.update_yaxes(title="Share positive", range=[-0.02, 1.02], dtick=0.2, row=1, col=1)
    figure.update_yaxes(title="Pairs (log)", type="log", dtick=1, row=2, col=1)
    return figure


def errors_plot(evaluation: Evaluation) -> Figure:
    """False positives in per cent of the negative pairs, and false negatives of the positive pairs, for each group of pairs."""
    import plotly.graph_objects as go

    title = f"Errors: {short_label(evaluation.name)}"
    slices = [each for group in GROUPS for each in evaluation.errors if each.group == group]
    if not slices:
        return empty_figure(title, "No errors were counted by part.")
    labels = [ORIGINS.get(each.name, each.name) if each.group == "origin" else each.name for each in slices]
    figure = go.Figure()
    for name, wrong, possible in (
        ("false positives, of negatives", [s.false_positives for s in slices], [s.pairs - s.positives for s in slices]),
        ("false negatives, of positives", [s.false_negatives for s in slices], [s.positives for s in slices]),
    ):
        figure.add_bar(
            orientation="h",
            x=[100 * part / whole if whole else None for part, whole in zip(wrong, possible, strict=True)],
            y=list(range(len(slices))),
            name=name,
            marker={"color": ERROR_COLOURS[name]},
            text=[
                f"{plotly_text(label)}<br>{name}: {part:,} of {whole:,}"
                for label, part, whole in zip(labels, wrong, possible, strict=True)
            ],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    lay_out(figure, title, content_height=2.2 * ROW_HEIGHT * len(slices))
    figure.update_xaxes(title="Per cent", rangemode="tozero")
    label_rows(figure, [short_label(label) for label in labels], showgrid=False, zeroline=False)
    for row in range(1, len(slices)):
        if slices[row].group != slices[row - 1].group:
            figure.add_hline(row - 0.5, line={"color": BASELINE_COLOUR, "width": 1, "dash": "dot"})
    return figure


def _marker(systems: Sequence[Evaluation], place: int) -> dict:
    """Colour and symbol of a system. Agents come first."""
    agents = sum(each.kind == "agent" for each in systems)
    if place < agents:
        return {"color": AGENT_COLOURS[place % len(AGENT_COLOURS)], "symbol": AGENT_SYMBOLS[place % len(AGENT_SYMBOLS)], "size": 8}
    symbol = BASELINE_SYMBOLS[(place - agents) % len(BASELINE_SYMBOLS)]
    return {"color": BASELINE_COLOUR, "symbol": symbol, "size": 8, "line": {"color": BASELINE_COLOUR, "width": 1.5}}


def _add_estimates(
    figure: Figure, name: str, estimates: Sequence[Estimate], places: Sequence[float], labels: Sequence[str], mark: dict
) -> None:
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [0 if each.high is None else each.high - each.value for each in estimates],
        "arrayminus": [0 if each.low is None else each.value - each.low for each in estimates],
        "thickness": 1.5,
        "width": 0,
    }
    figure.add_scatter(
        x=[estimate.value for estimate in estimates],
        y=list(places),
        mode="markers",
        name=plotly_text(name),
        marker=mark,
        error_x=bars,
        text=[
            f"{plotly_text(label)}, {plotly_text(name)}: {estimate_text(each.value, each.low, each.high)}"
            for label, each in zip(labels, estimates, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
    )


def _score_axis(figure: Figure, title: str) -> None:
    figure.update_xaxes(title=title, range=[-0.02, 1.02], dtick=0.2)
