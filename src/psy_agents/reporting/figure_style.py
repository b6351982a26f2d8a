"""The style of all figures: colours, layout and escaped text."""

from __future__ import annotations

from functools import cache
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plotly.graph_objects import Figure
    from plotly.graph_objects.layout import Template

# The palette of Okabe and Ito. Colour-blind readers can tell its colours apart.
BLUE, ORANGE, GREEN, PURPLE, RED, SKY, GREY = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#7f7f7f"

MIN_HEIGHT = 320
MARGINS = {"l": 10, "r": 10, "t": 56, "b": 50}
SUBTITLE_HEIGHT, LEGEND_ROW_HEIGHT = 18, 20
LABEL_LENGTH, LINE_LENGTH = 24, 60


@cache
def figure_template() -> Template:
    """The template of all figures."""
    import plotly.graph_objects as go
    import plotly.io as pio

    template = go.layout.Template(pio.templates["plotly_white"])
    template.layout.update(
        font={"family": "system-ui, sans-serif"},
        colorway=[BLUE, ORANGE, GREEN, PURPLE, RED, SKY],
        title={"x": 0, "xref": "container", "yref": "container", "y": 1, "yanchor": "top", "pad": {"t": 8, "l": 4}},
        margin=MARGINS,
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        bargap=0.25,
        yaxis={"automargin": True, "ticklabelstandoff": 6},
    )
    return template


def lay_out(figure: Figure, title: str, *, subtitle: str = "", content_height: float = 0) -> None:
    """Give a figure with all its traces the common look.

    Args:
        content_height: pixels that the rows of the plot need.
    """
    names = dict.fromkeys(trace.name for trace in figure.data if trace.name and trace.showlegend is not False)
    # On a phone, two short names of the legend fit into a line, or one long one.
    legend_rows = sum(1 if len(name) > LABEL_LENGTH else 0.5 for name in names) if len(figure.data) > 1 else 0
    top = MARGINS["t"] + (SUBTITLE_HEIGHT if subtitle else 0)
    figure.update_layout(
        template=figure_template(),
        title={"text": title, "subtitle": {"text": plotly_text(subtitle)}} if subtitle else {"text": title},
        height=max(MIN_HEIGHT, top + MARGINS["b"] + content_height) + LEGEND_ROW_HEIGHT * legend_rows,
        margin={"t": top},
    )


def label_rows(figure: Figure, labels: list[str], **axis: object) -> None:
    """Label the rows of a plot, the first on top.

    Rows lie at whole numbers: plotly would read labels such as "1" or "2020-01-01" as numbers or dates.
    """
    figure.update_yaxes(tickvals=list(range(len(labels))), ticktext=labels, range=[len(labels) - 0.5, -0.5], **axis)


def empty_figure(title: str, reason: str) -> Figure:
    """An empty figure that says why there is nothing to show."""
    import plotly.graph_objects as go

    figure = go.Figure()
    lay_out(figure, title)
    figure.update_layout(height=200)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    place = {"x": 0, "y": 0.5, "xref": "paper", "yref": "paper", "xanchor": "left", "align": "left"}
    figure.add_annotation(text=wrapped_text(reason, 40), showarrow=False, **place)
    return figure


def plotly_text(text: object) -> str:
    """Text that plotly shows unchanged. Plotly interprets tags such as <b>, so they are escaped."""
    return escape(str(text), quote=False)


def wrapped_text(text: str, length: int = LINE_LENGTH) -> str:
    """Text broken into lines of at most ``length`` characters. Plotly breaks no lines."""
    return "<br>".join(plotly_text(line) for line in wrap(text, length))


def short_label(name: str, length: int = LABEL_LENGTH) -> str:
    """A name cut to ``length`` characters, escaped for plotly."""
    return plotly_text(name if len(name) <= length else name[: length - 1] + "…")
