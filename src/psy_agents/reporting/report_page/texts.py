"""How the report's page writes figures and names."""

from __future__ import annotations

import pandas as pd

from psy_agents.evaluation.results import Estimate
from psy_agents.reporting.tables import estimate_text


def with_interval(figure: Estimate) -> str:
    """A figure with its interval."""
    return estimate_text(figure.value, figure.low, figure.high)


def cell(figure: Estimate | None) -> str | None:
    """A figure with its interval in a cell of a table. None where there is no figure."""
    return None if figure is None else unbroken(with_interval(figure))


def unbroken(text: str) -> str:
    """A line may break before an interval, but not within it."""
    return text.replace(", ", ",\u00a0")


def percent(share: float) -> str | None:
    """A share in per cent. None where there is no share."""
    return None if pd.isna(share) else f"{100 * share:.1f}\u00a0%"


def words(name: str) -> str:
    """A name with spaces instead of underscores."""
    return name.replace("_", " ")
