"""Figures of the data-quality report."""

from __future__ import annotations

from html import escape
from math import log10
from typing import TYPE_CHECKING

from psy_agents.corpus.config import SPLITS
from psy_agents.corpus.quality import DataQuality, Ledger

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SPLIT_COLOURS = {"train": "#0072b2", "validation": "#e69f00", "test": "#009e73"}
CERTAIN = ("used", "exact", "normalised")
CERTAIN_COLOURS, OTHER_COLOURS = ("#0072b2", "#ffffff"), ("#e69f00", "#000000")  # of a bar, and of the text in it
LABEL_LENGTH = 20
BAR_HEIGHT = 26
GROUPED_BAR_HEIGHT = 12
MARGINS = {"l": 10, "r": 10, "t": 84, "b": 50}


def labels_plot(report: DataQuality) -> Figure:
    """Positive pairs of each criterion, the splits beside each other."""
    import plotly.graph_objects as go

    figure = go.Figure()
    places, ids = list(range(len(report.criteria))), list(report.criteria)
    for split in SPLITS:
        figure.add_bar(
            orientation="h",
            x=[figures.positives[split] for figures in report.criteria.values()],
            y=places,
            name=split,
            marker={"color": SPLIT_COLOURS[split]},
            text=[_label(criterion) for criterion in ids],
            textposition="none",
            hovertemplate="%{text}<br>" + split + ": %{x:,} positive pairs<extra></extra>",
        )
    _lay_out(figure, "Positive pairs by split", GROUPED_BAR_HEIGHT * len(SPLITS) * len(ids))
    figure.update_xaxes(title="Positive pairs", rangemode="tozero")
    # Criteria stand at numbers: as names, "1" or "2020-01-01" would make the axis one of numbers or dates.
    figure.update_yaxes(
        tickvals=places, ticktext=[_short_label(criterion) for criterion in ids], range=[len(ids) - 0.5, -0.5]
    )
    return figure


def lengths_plot(report: DataQuality) -> Figure:
    """Posts by their length in tokens, and where the first window ends."""
    import plotly.graph_objects as go

    lengths, windows = report.lengths, report.windows
    # A logarithm has no place for posts without tokens; they are drawn beside those of one token.
    edges = [max(edge, 0.5) for edge in lengths.edges]
    figure = go.Figure()
    figure.add_scatter(
        x=edges,
        y=[*lengths.posts_in_bin, 0],
        mode="lines",
        line={"shape": "hv", "color": "#0072b2"},
        fill="tozeroy",
        text=[f"{low:,} to {high - 1:,}" for low, high in zip(lengths.edges, lengths.edges[1:], strict=False)],
        hovertemplate="%{text} tokens: %{y:,} posts<extra></extra>",
        showlegend=False,
    )
    _mark(figure, windows.room, f"first window: {windows.room:,}", "right", {"color": "#d55e00"})
    _mark(figure, windows.max_length, f"max_length: {windows.max_length:,}", "left", {"color": "#7f7f7f", "dash": "dot"})
    _lay_out(figure, "Posts by length", drawn=0)
    ticks = [step * 10**power for power in range(8) for step in (1, 3)]
    figure.update_xaxes(
        title="Tokens of the post (logarithmic)", type="log", tickvals=ticks, ticktext=[f"{tick:,}" for tick in ticks]
    )
    figure.update_yaxes(title="Posts", rangemode="tozero")
    return figure


def rows_plot(report: DataQuality) -> Figure:
    """What became of the rows of each table, in per cent of the table."""
    import plotly.graph_objects as go

    account = report.account
    tables = {
        "posts": _used_and_set_aside(account.posts),
        "annotations": _used_and_set_aside(account.annotations),
        "sentences": {stage: count for stage, count in account.alignment.rows.items() if stage != "in"},
        "pairs": _used_and_set_aside(account.pairs),
    }
    bars = [
        (f"{table}: {name.replace('_', ' ')}", count, sum(counts.values()), CERTAIN_COLOURS if name in CERTAIN else OTHER_COLOURS)
        for table, counts in tables.items()
        for name, count in counts.items()
        if count
    ]
    names, counts, totals, colours = zip(*bars, strict=True)
    figure = go.Figure()
    figure.add_bar(
        orientation="h",
        x=[100 * count / total for count, total in zip(counts, totals, strict=True)],
        y=list(range(len(bars))),
        marker={"color": [bar for bar, _ in colours]},
        text=[f"{count:,}" for count in counts],
        insidetextfont={"color": [text for _, text in colours]},
        textangle=0,
        customdata=[f"{name}: {count:,} of {total:,}" for name, count, total, _ in bars],
        hovertemplate="%{customdata}<extra></extra>",
    )
    _lay_out(figure, "What became of the rows", BAR_HEIGHT * len(bars))
    figure.update_xaxes(title="Per cent of the table's rows", range=[0, 102])
    figure.update_yaxes(tickvals=list(range(len(bars))), ticktext=names, range=[len(bars) - 0.5, -0.5])
    return figure


def _used_and_set_aside(ledger: Ledger) -> dict[str, int]:
    return {"used": ledger.used, **ledger.set_aside}


def _mark(figure: Figure, tokens: int, text: str, anchor: str, line: dict[str, str]) -> None:
    """A line across the plot; on a logarithmic axis plotly places a line by its value, its words by the logarithm."""
    figure.add_shape(type="line", x0=tokens, x1=tokens, y0=0, y1=1, yref="paper", line=line)
    figure.add_annotation(
        x=log10(tokens), y=1, yref="paper", yanchor="bottom", xanchor=anchor, text=text, showarrow=False
    )


def _lay_out(figure: Figure, title: str, drawn: int) -> None:
    """The common look; ``drawn`` are pixels that the bars want."""
    figure.update_layout(
        title={"text": title, "x": 0, "xref": "container", "yref": "container", "y": 1, "yanchor": "top", "pad": {"t": 8, "l": 4}},
        template="plotly_white",
        height=max(320, MARGINS["t"] + MARGINS["b"] + drawn),
        margin=MARGINS,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        bargap=0.25,
    )
    figure.update_yaxes(automargin=True, ticklabelstandoff=6)


def _label(criterion: str) -> str:
    """An id as plotly shows it letter by letter: plotly reads <b> and the like, and puts entities back."""
    return escape(criterion, quote=False)


def _short_label(criterion: str) -> str:
    return _label(criterion if len(criterion) <= LABEL_LENGTH else criterion[: LABEL_LENGTH - 1] + "…")
