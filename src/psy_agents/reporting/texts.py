"""Numbers and names as text in pages and documents."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from psy_agents.corpus.quality_figures import AgreementValue
from psy_agents.evaluation.results import Estimate, SeedScores
from psy_agents.reporting.tables import estimate_text

UNTUNED = "untuned"
"""Before an agent's name: that agent with the parameters of the search's first trial."""


def estimate_with_interval(estimate: Estimate | AgreementValue) -> str:
    """An estimate with its interval."""
    return estimate_text(estimate.value, estimate.low, estimate.high)


def estimate_cell(estimate: Estimate | AgreementValue | None) -> str | None:
    """An estimate with its interval as a cell of a table, or None."""
    return None if estimate is None else without_line_breaks(estimate_with_interval(estimate))


def without_line_breaks(interval: str) -> str:
    """Keep an interval on one line: a no-break space follows its comma."""
    return interval.replace(", ", ",\u00a0")


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def percent(share: float | None) -> str | None:
    """A share in per cent; None for a missing share."""
    return None if pd.isna(share) else f"{100 * share:.1f}\u00a0%"


def duration_text(hours: float) -> str:
    """Hours with minutes; below an hour minutes, below a minute seconds."""
    if (minutes := round(60 * hours)) >= 60:
        return f"{minutes // 60:,} h {minutes % 60:02} min"
    return f"{minutes} min" if minutes else f"{3600 * hours:.0f} s"


def held_out_words(seeds: Sequence[SeedScores]) -> str:
    """The pairs on which the winners' seeds were scored, in words."""
    resplit = {scores.resplit for scores in seeds}
    if resplit == {False}:
        return "validation"
    parts = "the parts of train + validation that each seed held out"
    return parts if resplit == {True} else f"{parts}, or on validation where there are no resplits"


def readable_name(name: str) -> str:
    """A name with spaces instead of underscores."""
    return name.replace("_", " ")
