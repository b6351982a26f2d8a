"""Figures of a stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING

from psy_agents.hpo.study.records import TrialRecord

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STATE_COLOURS = {"complete": "#0072b2", "pruned": "#e69f00", "failed": "#7f7f7f"}
BEST_COLOUR = "#d55e00"
LINE_LENGTH = 60


def history_plot(
    records: Iterable[TrialRecord], title: str = "Search history", baselines: Mapping[str, float] | None = None
) -> Figure:
    """Values by trial with the best so far; pruned trials at their last value, failed ones on the axis.

    Args:
        baselines: objective of each, drawn as a dotted line.
    """
    import plotly.graph_objects as go

    records = sorted(records, key=lambda record: record.index)
    figure = go.Figure()
    values = [record.value for record in records if record.value is not None]
    floor = min(values, default=0.0)
    for state, colour in STATE_COLOURS.items():
        chosen = [record for record in records if record.state == state]
        if chosen:
            figure.add_scatter(
                x=[record.index + 1 for record in chosen],
                y=[floor if record.value is None else record.value for record in chosen],
                text=[hover_text(record) for record in chosen],
                hoverinfo="text",
                mode="markers",
                name=f"{state} ({len(chosen)})",
                marker={"color": colour, "symbol": "x" if state == "failed" else "circle", "size": 8},
            )
    best, steps = None, []
    for record in records:
        if record.state == "complete" and (best is None or record.value > best):
            best = record.value
        if best is not None:
            steps.append((record.index + 1, best))
    if steps:
        xs, ys = zip(*steps, strict=True)
        figure.add_scatter(x=xs, y=ys, mode="lines", line={"shape": "hv", "color": BEST_COLOUR}, name="best so far")
    for name, value in (baselines or {}).items():
        label = f"{name} {value:.3f}"
        figure.add_hline(value, line={"dash": "dot", "color": "#7f7f7f", "width": 1}, annotation={"text": label, "font_size": 10})
    figure.update_layout(title=title, xaxis_title="Trial", yaxis_title="Objective (best epoch)", template="plotly_white")
    return figure


def absent_plot(title: str, why: str) -> Figure:
    """An empty figure that says why there is nothing to draw."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.update_layout(title=title, template="plotly_white", height=200)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    told = {"text": broken(why, 40), "x": 0, "y": 0.5, "xref": "paper", "yref": "paper", "xanchor": "left", "align": "left"}
    figure.add_annotation(**told, showarrow=False)
    return figure


def hover_text(record: TrialRecord) -> str:
    """A trial's place, end, value and parameters, a line each."""
    head = f"trial {record.index + 1}: {record.failure or record.state}"
    if record.value is not None:
        head += f", {record.value:.4f}"
    why = [] if record.reason is None else [broken(record.reason)]
    return "<br>".join([plain(head), *why, *(plain(f"{name} = {value}") for name, value in record.params.items())])


def plain(text: object) -> str:
    """A text as plotly shows it letter by letter: plotly reads <b> and the like."""
    return escape(str(text), quote=False)


def broken(text: str, length: int = LINE_LENGTH) -> str:
    """Lines of that many letters: plotly breaks none by itself."""
    return "<br>".join(plain(line) for line in wrap(text, length))
