"""Markdown of the documents that go with a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psy_agents.evaluation.results import Estimate
from psy_agents.reporting.tables import estimate_text

NOTHING = "–"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; every column but the first is aligned to the right."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *([cell(each) for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: object) -> str:
    """A value in a table: an estimate with its interval, nothing as a dash, counts with their thousands."""
    match value:
        case None:
            return NOTHING
        case Estimate():
            return estimate_text(value.value, value.low, value.high)
        case bool() | str():
            return " ".join(str(value).split()).replace("|", "\\|")
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
    raise TypeError(type(value).__name__)


def code(text: str) -> str:
    """A name to the letter."""
    return f"`{text.replace('`', '')}`"


def bullets(lines: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


def fenced(lines: Iterable[str], language: str) -> str:
    """A block of code."""
    return "\n".join([f"```{language}", *lines, "```"])
