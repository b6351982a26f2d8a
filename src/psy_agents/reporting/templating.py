"""The Jinja environment of the HTML and Markdown templates."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from psy_agents.reporting.texts import duration_text

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from psy_agents.reporting.page_parts import Cell, Chart


def render(package: str, template: str, **values: Any) -> str:
    """Fill a template.

    Args:
        package: the package whose folder ``templates`` holds the template.
        template: file name. Values are escaped in ``.html`` files.
        values: variables of the template.
    """
    return environment(package).get_template(template).render(**values)


@cache
def environment(package: str) -> Environment:
    """The environment of a package's templates."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    environment.filters |= {"thousands": thousands, "duration": duration_text, "figure_json": _figure_json}
    environment.globals |= {"plotly_script": _plotly_script, "figure_template": _figure_template}
    return environment


def thousands(value: Cell) -> str:
    """Format a cell: integers with thousands separators, None as an empty string, text unchanged."""
    return "" if value is None else f"{value:,}" if isinstance(value, int) else value


def _figure_json(chart: Chart) -> Markup:
    """The data and layout of a figure, for the page's script. Its template is left out: the page has one for all figures."""
    figure = json.loads(chart.figure.to_json())
    figure["layout"].pop("template", None)
    return _json_in_html(json.dumps(figure, separators=(",", ":")))


def _figure_template() -> Markup:
    from psy_agents.reporting.figure_style import figure_template

    return _json_in_html(json.dumps(figure_template().to_plotly_json(), separators=(",", ":")))


def _json_in_html(text: str) -> Markup:
    """JSON that cannot end the element around it."""
    from markupsafe import Markup

    return Markup(text.replace("<", "\\u003c"))


def _plotly_script() -> Markup:
    """The part of plotly.js with bars and scatter plots, behind its licence: a quarter of the whole."""
    from markupsafe import Markup

    folder = files("psy_agents.reporting") / "plotly_basic"
    licence, script = ((folder / name).read_text(encoding="utf-8") for name in ("LICENSE", "plotly-basic.min.js"))
    return Markup(f"/*\n{licence}*/\n{script}")
