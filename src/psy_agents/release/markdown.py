"""Markdown of the model card and the data statement: templates, tables and escaping."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from psy_agents.evaluation.metrics.registry import TITLES
from psy_agents.evaluation.results import Estimate
from psy_agents.reporting.tables import estimate_text, p_text
from psy_agents.reporting.templating import environment
from psy_agents.reporting.texts import readable_name

if TYPE_CHECKING:
    from jinja2 import Environment

NO_VALUE = "–"


def render_markdown(template: str, **values: Any) -> str:
    """Fill a Markdown template of this package. Names and cells are escaped by the filters ``code`` and ``cell``."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    markdown = environment("psy_agents.release")
    markdown.filters |= {
        "cell": cell, "code": code, "epochs": _epochs, "json": _json, "metric_title": TITLES.__getitem__, "p_value": p_text,
        "readable": readable_name,
    }  # fmt: skip
    markdown.globals["table"] = table
    return markdown


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table. Every column but the first is aligned to the right."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *([cell(each) for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: object) -> str:
    """A value as the text of a cell: an estimate with its interval, None as a dash, counts with thousands separators."""
    match value:
        case None:
            return NO_VALUE
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
    """A name in code style. Markdown does not interpret it."""
    return f"`{text.replace('`', '')}`"


def bullets(lines: Iterable[str]) -> str:
    """A bulleted list."""
    return "\n".join(f"- {line}" for line in lines)


def fenced(lines: Iterable[str], language: str) -> str:
    """A fenced code block."""
    return "\n".join([f"```{language}", *lines, "```"])


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' * (count > 1)}"


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
