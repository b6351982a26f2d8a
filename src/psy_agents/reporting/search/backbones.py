"""The encoders of a search compared, and the Pareto front of value against the time of a prediction. No figure holds text of a post."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import optuna

from psy_agents.evaluation.results import BackboneResult
from psy_agents.hpo.study.records import TrialRecord, best_record
from psy_agents.hpo.study.topk import stage_records
from psy_agents.reporting.figure_style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, empty_figure, lay_out, plotly_text
from psy_agents.reporting.search.plots import hover_text
from psy_agents.training.config import TrainingSettings

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, GREY)
FRONT_COLOUR = RED
LOG_FROM = 10  # The slowest trial takes so many times the fastest's time: then the axis is logarithmic.


def by_encoder(study: optuna.Study, records: Iterable[TrialRecord]) -> dict[str, list[TrialRecord]]:
    """The records of each encoder, in their order."""
    settings = TrainingSettings.model_validate(study.user_attrs["identity"]["training"])
    found: dict[str, list[TrialRecord]] = {}
    for record in records:
        found.setdefault(settings.hyperparameters(dict(record.params)).encoder, []).append(record)
    return found


def backbone_results(agent: str, study: optuna.Study) -> list[BackboneResult]:
    """A row for each encoder of a study, the best one first; none where all trials have the same."""
    rows = []
    for encoder, records in by_encoder(study, stage_records(study)).items():
        values = [record.value for record in records if record.state == "complete"]
        best = best_record(records)
        rows.append(
            BackboneResult(
                agent=agent,
                encoder=Path(encoder).name,
                trials=len(records),
                complete=len(values),
                best=None if best is None else best.value,
                median=statistics.median(values) if values else None,
                parameters=None if best is None else best.cost.get("parameters"),
                trained_parameters=None if best is None else best.cost.get("trained_parameters"),
                ms_per_post=None if best is None else best.cost.get("ms_per_post"),
            )
        )
    return sorted(rows, key=lambda row: -math.inf if row.best is None else row.best, reverse=True) if len(rows) > 1 else []


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Places of the points (cost, value) than which no other is cheaper and as good, or as cheap and better; the cheapest first."""
    front, best = [], -math.inf
    for place in sorted(range(len(points)), key=lambda place: (points[place][0], -points[place][1])):
        if points[place][1] > best:
            front.append(place)
            best = points[place][1]
    return front


def pareto_plot(study: optuna.Study) -> Figure:
    """Value and milliseconds a post of each complete trial, in the colour of its encoder, with the Pareto front as a line."""
    import plotly.graph_objects as go

    title = "Value and milliseconds a post"
    measured = [record for record in stage_records(study) if record.state == "complete" and "ms_per_post" in record.cost]
    if not measured:
        return empty_figure(title, "No complete trial has a measured time of prediction.")
    figure = go.Figure()
    for place, (encoder, records) in enumerate(by_encoder(study, measured).items()):
        figure.add_scatter(
            x=[record.cost["ms_per_post"] for record in records],
            y=[record.value for record in records],
            mode="markers",
            name=plotly_text(f"{Path(encoder).name} ({len(records)})"),
            marker={"color": COLOURS[place % len(COLOURS)], "size": 8},
            text=[_hover(record) for record in records],
            hovertemplate="%{text}<extra></extra>",
        )
    front = [measured[place] for place in pareto_front([(record.cost["ms_per_post"], record.value) for record in measured])]
    figure.add_scatter(
        x=[record.cost["ms_per_post"] for record in front],
        y=[record.value for record in front],
        mode="lines+markers",
        line={"shape": "hv", "color": FRONT_COLOUR, "width": 1},
        marker={"symbol": "circle-open", "size": 12},
        name=f"Pareto front ({len(front)})",
        text=[_hover(record) for record in front],
        hovertemplate="%{text}<extra></extra>",
    )
    lay_out(figure, title, subtitle=f"{study.study_name}: no trial is better than those of the front in the same time")
    times = [record.cost["ms_per_post"] for record in measured]
    figure.update_xaxes(title="Milliseconds a post", type="log" if max(times) >= LOG_FROM * min(times) else "linear")
    figure.update_yaxes(title="Objective on validation")
    return figure


def _hover(record: TrialRecord) -> str:
    weights = f"{record.cost['parameters']:,.0f} parameters, {record.cost['trained_parameters']:,.0f} of them trained"
    return f"{record.cost['ms_per_post']:,.1f} ms a post, {weights}<br>{hover_text(record)}"
