"""Expected validation performance: the value that a search of fewer trials would have found, as a figure.

Dodge et al., "Show Your Work: Improved Reporting of Experimental Results", EMNLP 2019, section 3. Their estimator is too low for many
trials; the one here is unbiased (Tang et al., "Showing Your Work Doesn't Always Work", ACL 2020; Dodge et al., "Expected Validation
Performance and Estimation of a Random Variable's Maximum", Findings of EMNLP 2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from psy_agents.hpo.study.records import TrialRecord
from psy_agents.reporting.figure_style import BLUE, empty_figure, lay_out

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MIN_TRIALS = 2


def expected_best(values: Sequence[float]) -> np.ndarray:
    """(N,) the mean of the highest of n values that are drawn at random from the N without replacement, for n from 1 to N.

    With the values in ascending order, the i-th is the highest of n in C(i - 1, n - 1) of the C(N, n) draws.
    """
    ascending = np.sort(np.asarray(values, dtype=np.float64))
    count = len(ascending)
    # The share of the draws whose highest value is the i-th: for n = 1 each has 1 / N, and C(i - 1, n) / C(N, n + 1) follows from
    # C(i - 1, n - 1) / C(N, n) by the factor (i - n) / n * (n + 1) / (N - n).
    share, expected = np.full(count, 1 / count), np.empty(count)
    place = np.arange(1, count + 1)
    for n in range(1, count + 1):
        expected[n - 1] = share @ ascending
        if n < count:
            share = share * np.maximum(place - n, 0) / n * (n + 1) / (count - n)
    return expected


def expected_best_plot(records: Iterable[TrialRecord], study: str) -> Figure:
    """The expected highest value by the number of trials, of the trials that have a value; a stopped one has that of its best epoch."""
    import plotly.graph_objects as go

    title = "Expected best value by number of trials"
    values = [record.value for record in records if record.value is not None]
    if len(values) < MIN_TRIALS:
        return empty_figure(title, f"Fewer than {MIN_TRIALS} trials have a value.")
    expected = expected_best(values)
    figure = go.Figure()
    figure.add_scatter(
        x=list(range(1, len(expected) + 1)),
        y=expected.tolist(),
        mode="lines+markers",
        line={"color": BLUE},
        marker={"size": 5},
        hovertemplate="%{x} trials: %{y:.4f}<extra></extra>",
    )
    subtitle = f"{study}: mean of the highest value on validation of n trials drawn at random from its {len(values)}"
    lay_out(figure, title, subtitle=subtitle)
    figure.update_layout(xaxis_title="Trials", yaxis_title="Objective on validation", showlegend=False)
    return figure
