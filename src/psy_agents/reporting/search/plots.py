"""The search history of a stage as a figure."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from psy_agents.agents.registry import spec
from psy_agents.baselines.objectives import baseline_objectives
from psy_agents.hpo.study.records import StageResult, TrialRecord
from psy_agents.reporting.figure_style import BLUE, GREY, ORANGE, RED, lay_out, plotly_text, wrapped_text

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

log = logging.getLogger(__name__)

STATE_COLOURS = {"complete": BLUE, "pruned": ORANGE, "failed": GREY}
BEST_COLOUR = RED


def history_plot(
    records: Iterable[TrialRecord], title: str = "Search history", baselines: Mapping[str, float] | None = None
) -> Figure:
    """The value of each trial, and the best so far. A failed trial without a value lies at the minimum.

    Args:
        baselines: name -> objective, drawn as a dotted line.
    """
    import plotly.graph_objects as go

    records = sorted(records, key=lambda record: record.number)
    figure = go.Figure()
    values = [record.value for record in records if record.value is not None]
    floor = min(values, default=0.0)
    for state, colour in STATE_COLOURS.items():
        chosen = [record for record in records if record.state == state]
        if chosen:
            figure.add_scatter(
                x=[record.number for record in chosen],
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
            steps.append((record.number, best))
    if steps:
        xs, ys = zip(*steps, strict=True)
        figure.add_scatter(x=xs, y=ys, mode="lines", line={"shape": "hv", "color": BEST_COLOUR}, name="best so far")
    for name, value in (baselines or {}).items():
        label = f"{name} {value:.3f}"
        figure.add_hline(value, line={"dash": "dot", "color": GREY, "width": 1}, annotation={"text": label, "font_size": 10})
    lay_out(figure, title)
    figure.update_layout(xaxis_title="Trial", yaxis_title="Objective (best of the smoothed curve)")
    return figure


def stage_plot(agent: str, result: StageResult, baselines: Mapping[str, Mapping[str, float]], evidence_weight: float) -> Figure:
    """The history of a stage with the baselines' objectives, which are also logged.

    Args:
        baselines: name -> metric -> value, as `baseline_table` returns them.
        evidence_weight: weight of token-F1 in the objective of an agent that predicts both.
    """
    objectives = baseline_objectives(baselines, spec(agent).objective_metrics, evidence_weight)
    values = ", ".join(f"{name} {value:.4f}" for name, value in objectives.items())
    log.info("baselines of %s by %s: %s", agent, spec(agent).objective_title(evidence_weight), values)
    return history_plot(result.records, result.study_name, objectives)


def hover_text(record: TrialRecord) -> str:
    """A trial's number, state, value and parameters, one parameter a line."""
    head = f"trial {record.number}: {record.failure or record.state}"
    if record.value is not None:
        head += f", {record.value:.4f}"
    reason = [] if record.reason is None else [wrapped_text(record.reason)]
    return "<br>".join([plotly_text(head), *reason, *(plotly_text(f"{name} = {value}") for name, value in record.params.items())])
