"""What all sections of the report's page are made of."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from psy_agents.evaluation.results import Estimate
from psy_agents.reporting.html import html_figure
from psy_agents.reporting.tables import estimate_text

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

CAPTIONS = {
    "comparison": "Points are figures, lines their intervals; the numbers are in the tables.",
    "criteria": "Points are figures, lines their intervals; grey: baselines. The numbers are in the table.",
    "reliability": "Share of positive pairs by the probability given, and how many pairs were given it; grey: before calibration.",
    "errors": "False positives among the negative pairs, false negatives among the positive ones.",
}


def drawn(figures: Mapping[str, Figure], name: str) -> list[str]:
    """The figure with its caption, if it is there."""
    caption = CAPTIONS[name.split("_")[0]]
    return [html_figure(figures[name], f"figure-{name}", caption)] if name in figures else []


def details(summary: str, content: str, *, opened: bool = False) -> str:
    """A part that opens."""
    return f"<details{' open' if opened else ''}>\n<summary>{escape(summary)}</summary>\n{content}\n</details>"


def with_interval(figure: Estimate) -> str:
    """A figure with its interval."""
    return estimate_text(figure.value, figure.low, figure.high)


def cell(figure: Estimate | None) -> str | None:
    """The same in a cell; None where there is no figure."""
    return None if figure is None else unbroken(with_interval(figure))


def unbroken(text: str) -> str:
    """An interval may stand under its figure, but is not torn apart."""
    return text.replace(", ", ",\u00a0")


def percent(share: float) -> str | None:
    """None where there is no share."""
    return None if pd.isna(share) else f"{100 * share:.1f}\u00a0%"


def words(name: str) -> str:
    """A name in words."""
    return name.replace("_", " ")
