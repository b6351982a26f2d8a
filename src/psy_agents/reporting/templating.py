"""The Jinja environment of the HTML and Markdown templates."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

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
    environment.filters |= {"thousands": thousands, "plotly": _plotly_figure}
    environment.globals["plotly_script"] = _plotly_script
    return environment


def thousands(value: Cell) -> str:
    """Format a cell: integers with thousands separators, None as an empty string, text unchanged."""
    return "" if value is None else f"{value:,}" if isinstance(value, int) else value


def _plotly_figure(chart: Chart) -> Markup:
    """The HTML of a figure. Plotly escapes its content."""
    from markupsafe import Markup

    config = {"responsive": True, "displayModeBar": False}
    return Markup(chart.figure.to_html(full_html=False, include_plotlyjs=False, div_id=chart.name, config=config))


def _plotly_script() -> Markup:
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())
