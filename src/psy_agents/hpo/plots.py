"""Figures of a stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from psy_agents.hpo.records import TrialRecord

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STATE_COLOURS = {"complete": "#0072b2", "pruned": "#e69f00", "failed": "#7f7f7f"}


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
                text=[_hover(record) for record in chosen],
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
        figure.add_scatter(x=xs, y=ys, mode="lines", line={"shape": "hv", "color": "#d55e00"}, name="best so far")
    for name, value in (baselines or {}).items():
        label = f"{name} {value:.3f}"
        figure.add_hline(value, line={"dash": "dot", "color": "#7f7f7f", "width": 1}, annotation={"text": label, "font_size": 10})
    figure.update_layout(title=title, xaxis_title="Trial", yaxis_title="Objective (best epoch)", template="plotly_white")
    return figure


def _hover(record: TrialRecord) -> str:
    head = f"trial {record.index + 1}: {record.failure or record.state}"
    if record.value is not None:
        head += f", {record.value:.4f}"
    return "<br>".join([head, *(f"{name} = {value}" for name, value in record.params.items())])
