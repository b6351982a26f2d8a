"""Figures of a report; none holds a text of a post."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psy_agents.evaluation.metrics.registry import OBJECTIVES, SUMMARY
from psy_agents.evaluation.results import Estimate, Evaluation, Report
from psy_agents.reporting.search.plots import absent_plot, plain
from psy_agents.reporting.tables import NO_SYMPTOMS, estimate_text, ordered, summary_figures

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Okabe and Ito's colours, which differ for colour-blind readers too; baselines are grey and differ by their symbols.
AGENT_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
BASELINE_COLOUR = "#7f7f7f"
AGENT_SYMBOLS = ("circle", "square", "diamond", "triangle-up")
BASELINE_SYMBOLS = ("x-thin-open", "cross-thin-open", "asterisk-open", "circle-open", "square-open", "diamond-open")
OBJECTIVE_MARKS = {"criteria": ("#0072b2", "circle", -0.16), "evidence": ("#e69f00", "square", 0.16)}
"""Colour, symbol and shift of the metric of each side."""
ERROR_COLOURS = {"false positives, of negatives": "#e69f00", "false negatives, of positives": "#0072b2"}
GROUPS = ("criterion", "length", "origin")
ORIGINS = {
    "positive": "positives",
    "explicit_negative": "hard negatives",
    "implicit_negative": "easy negatives",
}

LABEL_LENGTH = 24
ROW_HEIGHT = 13
LEGEND_ROW = 20
MARGINS = {"l": 10, "r": 10, "t": 44, "b": 50}


def report_figures(report: Report) -> dict[str, Figure]:
    """Every figure, by the name under which `report_page` looks for it; a name ends in the agent's where it is of one."""
    figures = {"criteria": criteria_plot(report), "comparison": comparison_plot(report)}
    for evaluation in report.evaluations:
        if evaluation.kind == "agent":
            figures[f"reliability_{evaluation.name}"] = reliability_plot(evaluation)
            figures[f"errors_{evaluation.name}"] = errors_plot(evaluation)
    return figures


def criteria_plot(report: Report) -> Figure:
    """F1 of each criterion: agents with their intervals, baselines as grey marks beside them."""
    import plotly.graph_objects as go

    shown = [evaluation for evaluation in ordered(report) if evaluation.criterion is not None]
    if not shown:
        return absent_plot("F1 by criterion", "No model or baseline predicts criteria.")
    names = list(shown[0].criterion.per_criterion)
    labels = [*names, NO_SYMPTOMS]
    figure = go.Figure()
    for place, evaluation in enumerate(shown):
        scores = [*(evaluation.criterion.per_criterion[name].f1 for name in names), evaluation.criterion.no_symptoms.f1]
        shift = (place - (len(shown) - 1) / 2) * 0.8 / len(shown)
        _add_estimates(figure, evaluation.name, scores, [row + shift for row in range(len(labels))], labels, _mark(shown, place))
    _lay_out(figure, "F1 by criterion", ROW_HEIGHT * (len(shown) + 1) * len(labels), [each.name for each in shown])
    _score_axis(figure, "F1")
    _rows_axis(figure, labels)
    for row in range(1, len(labels)):
        figure.add_hline(row - 0.5, line={"color": "#b0b0b0", "width": 1}, opacity=0.5)
    return figure


def comparison_plot(report: Report) -> Figure:
    """Macro-F1 and token-F1 of every system with their intervals, agents above baselines."""
    import plotly.graph_objects as go

    shown = [(each, summary_figures(each)) for each in ordered(report)]
    if not shown:
        return absent_plot("Macro-F1 and token-F1", "Neither a model nor a baseline was evaluated.")
    figure = go.Figure()
    labels = [each.name for each, _ in shown]
    names = {side: f"{SUMMARY[metric].title} ({side})" for side, metric in OBJECTIVES.items()}
    for side, (colour, symbol, shift) in OBJECTIVE_MARKS.items():
        metric = OBJECTIVES[side]
        rows = [(row, figures[metric]) for row, (_, figures) in enumerate(shown) if metric in figures]
        if rows:
            _add_estimates(
                figure,
                names[side],
                [estimate for _, estimate in rows],
                [row + shift for row, _ in rows],
                [labels[row] for row, _ in rows],
                {"color": colour, "symbol": symbol, "size": 9},
            )
    _lay_out(figure, "Macro-F1 and token-F1", 2.4 * ROW_HEIGHT * len(labels), list(names.values()))
    _score_axis(figure, "F1")
    _rows_axis(figure, labels)
    agents = sum(each.kind == "agent" for each, _ in shown)
    if 0 < agents < len(shown):
        figure.add_hline(agents - 0.5, line={"color": BASELINE_COLOUR, "width": 1, "dash": "dot"})
    return figure


def reliability_plot(evaluation: Evaluation) -> Figure:
    """Share of pairs that are positive by the probability that was given, above how many pairs were given it."""
    from plotly.subplots import make_subplots

    title = f"Reliability: {_short_label(evaluation.name)}"
    bins = [] if evaluation.criterion is None else [each for each in evaluation.criterion.reliability if each.pairs]
    if not bins:
        return absent_plot(title, "No probabilities: this agent predicts spans alone.")
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
    told = [
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
        text=told,
        hovertemplate="%{text}<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_bar(
        x=[(each.low + each.high) / 2 for each in bins],
        y=[each.pairs for each in bins],
        width=[0.9 * (each.high - each.low) for each in bins],
        marker={"color": AGENT_COLOURS[0]},
        text=told,
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
        row=2,
        col=1,
    )
    _lay_out(figure, title, 330)
    figure.update_layout(showlegend=False)
    figure.update_xaxes(range=[-0.02, 1.02], dtick=0.2)
    figure.update_xaxes(title="Mean probability of the bin", row=2, col=1)
    figure.update_yaxes(title="Share positive", range=[-0.02, 1.02], dtick=0.2, row=1, col=1)
    figure.update_yaxes(title="Pairs (log)", type="log", dtick=1, row=2, col=1)
    return figure


def errors_plot(evaluation: Evaluation) -> Figure:
    """False positives in per cent of the negative pairs, and false negatives of the positive, in each part of the pairs."""
    import plotly.graph_objects as go

    title = f"Errors: {_short_label(evaluation.name)}"
    slices = [each for group in GROUPS for each in evaluation.errors if each.group == group]
    if not slices:
        return absent_plot(title, "No errors were counted by part.")
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
                f"{plain(label)}<br>{name}: {part:,} of {whole:,}"
                for label, part, whole in zip(labels, wrong, possible, strict=True)
            ],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    _lay_out(figure, title, 2.2 * ROW_HEIGHT * len(slices), list(ERROR_COLOURS))
    figure.update_xaxes(title="Per cent", rangemode="tozero")
    _rows_axis(figure, labels)
    for row in range(1, len(slices)):
        if slices[row].group != slices[row - 1].group:
            figure.add_hline(row - 0.5, line={"color": BASELINE_COLOUR, "width": 1, "dash": "dot"})
    return figure


def _mark(shown: Sequence[Evaluation], place: int) -> dict:
    """Colour and symbol of a system: agents stand first."""
    agents = sum(each.kind == "agent" for each in shown)
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
        name=plain(name),
        marker=mark,
        error_x=bars,
        text=[
            f"{plain(label)}, {plain(name)}: {estimate_text(each.value, each.low, each.high)}"
            for label, each in zip(labels, estimates, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
    )


def _lay_out(figure: Figure, title: str, drawn: float, legend: Sequence[str] = ()) -> None:
    """The common look: ``drawn`` pixels for the rows, a legend under the plot as high as a phone's width makes it."""
    beneath = LEGEND_ROW * sum(1 if len(name) > LABEL_LENGTH else 0.5 for name in legend)
    figure.update_layout(
        title={"text": title, "x": 0, "xref": "container", "yref": "container", "y": 1, "yanchor": "top", "pad": {"t": 8, "l": 4}},
        template="plotly_white",
        height=max(320, MARGINS["t"] + MARGINS["b"] + drawn) + beneath,
        margin=MARGINS,
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        bargap=0.25,
    )
    figure.update_yaxes(automargin=True, ticklabelstandoff=6)


def _score_axis(figure: Figure, title: str) -> None:
    figure.update_xaxes(title=title, range=[-0.02, 1.02], dtick=0.2)


def _rows_axis(figure: Figure, labels: Sequence[str]) -> None:
    """Rows stand at numbers, the first on top: as names, "1" or "2020-01-01" would make the axis one of numbers or dates."""
    places = list(range(len(labels)))
    figure.update_yaxes(
        tickvals=places, ticktext=[_short_label(label) for label in labels], range=[len(labels) - 0.5, -0.5], showgrid=False,
        zeroline=False,
    )  # fmt: skip


def _short_label(name: str) -> str:
    return plain(name if len(name) <= LABEL_LENGTH else name[: LABEL_LENGTH - 1] + "…")
