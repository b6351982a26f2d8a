"""Parallel coordinates: the hyper-parameters of each trial as a line, in the colour of its rank. No figure holds text of a post.

Lines of an ordinary scatter plot: plotly's own kind of figure is in no small bundle of plotly.js, and does not print.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial

from psy_agents.reporting.figure_style import BLUE, GREY, RED, empty_figure, lay_out, plotly_text
from psy_agents.reporting.search.diagnostics import complete_trials, varying_parameters

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

OFF = "off"
TICKS = 5
LABEL_LENGTH = 18
AXIS_WIDTH = 120
VALUE = "objective"
RANKS = {"best fifth": (0.2, RED, 2.5, 1.0), "up to the median": (0.5, BLUE, 1.2, 0.6), "below the median": (1.0, GREY, 0.8, 0.4)}
"""Name -> the share of trials that this group and the better ones have together; colour, width and opacity of its lines."""


def parallel_coordinates_plot(study: optuna.Study) -> Figure:
    """Each complete trial as a line through its value and those hyper-parameters that vary, the best trials in front.

    A logarithmic parameter has a logarithmic axis. A parameter that a trial lacks is placed at "off".
    """
    import plotly.graph_objects as go

    title = "Hyper-parameters and values"
    trials = complete_trials(study)
    names = varying_parameters(trials)
    if not names:
        return empty_figure(title, f"{len(trials)} trials are complete, and no hyper-parameter varies among them.")
    axes = [_Axis.of_values(trials), *(_Axis.over(name, trials) for name in names)]
    ranked = sorted(trials, key=lambda trial: trial.value, reverse=True)
    figure, first = go.Figure(), 0
    for name, (share, colour, width, opacity) in RANKS.items():
        chosen, first = ranked[first : math.ceil(share * len(ranked))], math.ceil(share * len(ranked))
        if chosen:
            # One trace for all trials of a rank, with gaps between them: hundreds of traces are slow.
            figure.add_scatter(
                x=[place for _ in chosen for place in [*range(len(axes)), None]],
                y=[place for trial in chosen for place in [*(axis.height(trial) for axis in axes), None]],
                mode="lines",
                line={"color": colour, "width": width},
                opacity=opacity,
                name=f"{name} ({len(chosen)})",
                customdata=[trial.number for trial in chosen for _ in range(len(axes) + 1)],
                text=[text for trial in chosen for text in [*(plotly_text(axis.text(trial)) for axis in axes), ""]],
                hovertemplate="%{text}<extra></extra>",
            )
    figure.data = figure.data[::-1]  # The last is drawn on top.
    ticks = [(place, axis.share(tick), text) for place, axis in enumerate(axes) for tick, text in axis.ticks.items()]
    figure.add_scatter(
        x=[place for place, _, _ in ticks],
        y=[height for _, height, _ in ticks],
        text=[plotly_text(_short_name(text)) for _, _, text in ticks],
        mode="markers+text",
        marker={"symbol": "line-ew-open", "size": 6, "color": GREY},
        textfont={"size": 10},
        textposition="middle right",
        hoverinfo="skip",
        showlegend=False,
    )
    subtitle = f"{study.study_name}: {len(trials)} complete trials"
    if any(axis.has_off for axis in axes):
        subtitle += f"; {OFF}: the trial has no such parameter"
    lay_out(figure, title, subtitle=subtitle)
    figure.update_layout(height=520, legend={"traceorder": "reversed"})
    labels = [plotly_text(_short_name(axis.name)) for axis in axes]
    # Room on the right for the last axis' ticks.
    figure.update_xaxes(
        tickvals=list(range(len(axes))), ticktext=labels, tickangle=-30, range=[-0.15, len(axes) - 0.4], zeroline=False, gridcolor=GREY
    )
    figure.update_yaxes(visible=False, range=[-0.05, 1.05])
    if AXIS_WIDTH * len(axes) > 700:
        figure.update_layout(width=AXIS_WIDTH * (len(axes) + 1))
    return figure


@dataclass(frozen=True)
class _Axis:
    """A parameter's axis: scale of values, range, ticks (place to text), and the place of "off", below all values."""

    name: str
    scale: Callable[[object], float]
    range: tuple[float, float]
    ticks: dict[float, str]
    off: float = math.nan
    has_off: bool = False

    @classmethod
    def of_values(cls, trials: Sequence[FrozenTrial]) -> _Axis:
        """The axis of the trials' values."""
        low, high = min(trial.value for trial in trials), max(trial.value for trial in trials)
        return cls(VALUE, float, (low, high), {mark: f"{mark:.3f}" for mark in _evenly_spaced(low, high)})

    @classmethod
    def over(cls, name: str, trials: Sequence[FrozenTrial]) -> _Axis:
        """The axis of a parameter that at least one of the trials has."""
        distribution = next(trial.distributions[name] for trial in trials if name in trial.distributions)
        if isinstance(distribution, CategoricalDistribution):
            scale, low, high = distribution.to_internal_repr, 0.0, float(len(distribution.choices) - 1)
            ticks = {float(place): str(choice) for place, choice in enumerate(distribution.choices)}
            off = -1.0
        else:
            scale = math.log10 if distribution.log else float
            low, high = scale(distribution.low), scale(distribution.high)
            ticks = {scale(value): f"{value:.3g}" for value in _tick_values(distribution, low, high)}
            off = low - 0.15 * (high - low)
        has_off = any(name not in trial.params for trial in trials)
        if has_off:
            low, ticks = off, {off: OFF, **ticks}
        return cls(name, scale, (low, high), ticks, off, has_off)

    def height(self, trial: FrozenTrial) -> float:
        """Where the trial crosses the axis, from 0 to 1."""
        if self.name == VALUE:
            return self.share(trial.value)
        return self.share(self.scale(trial.params[self.name]) if self.name in trial.params else self.off)

    def share(self, place: float) -> float:
        """A place of the scale as a share of the axis."""
        low, high = self.range
        return (place - low) / (high - low) if high > low else 0.5

    def text(self, trial: FrozenTrial) -> str:
        """The trial and what it has on this axis."""
        value = f"{trial.value:.4f}" if self.name == VALUE else trial.params.get(self.name, OFF)
        return f"trial {trial.number}: {self.name} = {value}"


def _tick_values(distribution: BaseDistribution, low: float, high: float) -> list[float]:
    """Values evenly spaced on the axis, rounded for an integer parameter."""
    values = [10**place if distribution.log else place for place in _evenly_spaced(low, high)]
    return sorted({round(value) for value in values}) if isinstance(distribution, IntDistribution) else values


def _evenly_spaced(low: float, high: float) -> list[float]:
    return [low + (high - low) * step / (TICKS - 1) for step in range(TICKS)]


def _short_name(text: str) -> str:
    """The end of a long name: encoders of one family differ there."""
    return text if len(text) <= LABEL_LENGTH else "…" + text[1 - LABEL_LENGTH :]
