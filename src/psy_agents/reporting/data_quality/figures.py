"""Figures of the data-quality report."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

from psy_agents.corpus.config import SPLITS
from psy_agents.corpus.quality_figures import DataQuality, RowCounts
from psy_agents.reporting.figure_style import BLUE, GREEN, GREY, ORANGE, RED, label_rows, lay_out, plotly_text, short_label
from psy_agents.reporting.texts import readable_name

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SPLIT_COLOURS = {"train": BLUE, "validation": ORANGE, "test": GREEN}
CERTAIN = ("used", "given", "exact", "normalised", "joined")
CERTAIN_COLOURS, OTHER_COLOURS = (BLUE, "#ffffff"), (ORANGE, "#000000")  # bar, text
LABEL_LENGTH = 20
BAR_HEIGHT = 26
GROUPED_BAR_HEIGHT = 12


def labels_plot(report: DataQuality) -> Figure:
    """Positive pairs of each criterion by split."""
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
            text=[plotly_text(criterion) for criterion in ids],
            textposition="none",
            hovertemplate="%{text}<br>" + split + ": %{x:,} positive pairs<extra></extra>",
        )
    lay_out(figure, "Positive pairs by split", content_height=GROUPED_BAR_HEIGHT * len(SPLITS) * len(ids))
    figure.update_xaxes(title="Positive pairs", rangemode="tozero")
    label_rows(figure, [short_label(criterion, LABEL_LENGTH) for criterion in ids])
    return figure


def lengths_plot(report: DataQuality) -> Figure:
    """Posts by length in tokens, and the end of the first window."""
    import plotly.graph_objects as go

    lengths, windows = report.lengths, report.windows
    # A logarithmic axis has no zero: posts without tokens are drawn at 0.5.
    edges = [max(edge, 0.5) for edge in lengths.edges]
    figure = go.Figure()
    figure.add_scatter(
        x=edges,
        y=[*lengths.posts_in_bin, 0],
        mode="lines",
        line={"shape": "hv", "color": BLUE},
        fill="tozeroy",
        text=[f"{low:,} to {high - 1:,}" for low, high in zip(lengths.edges, lengths.edges[1:], strict=False)],
        hovertemplate="%{text} tokens: %{y:,} posts<extra></extra>",
        showlegend=False,
    )
    _add_vertical_line(figure, windows.room, f"first window: {windows.room:,}", "right", {"color": RED})
    _add_vertical_line(figure, windows.max_length, f"max_length: {windows.max_length:,}", "left", {"color": GREY, "dash": "dot"})
    lay_out(figure, "Posts by length")
    ticks = [step * 10**power for power in range(8) for step in (1, 3)]
    figure.update_xaxes(
        title="Tokens of the post (logarithmic)", type="log", tickvals=ticks, ticktext=[f"{tick:,}" for tick in ticks]
    )
    figure.update_yaxes(title="Posts", rangemode="tozero")
    return figure


def rows_plot(report: DataQuality) -> Figure:
    """Used rows and rows set aside, in per cent of each table."""
    import plotly.graph_objects as go

    account = report.account
    tables = {
        "posts": _used_and_set_aside(account.posts),
        "annotations": _used_and_set_aside(account.annotations),
        "sentences": {stage: count for stage, count in account.alignment.rows.items() if stage != "in"},
        "pairs": _used_and_set_aside(account.pairs),
    }
    bars = [
        (f"{table}: {readable_name(name)}", count, sum(counts.values()), CERTAIN_COLOURS if name in CERTAIN else OTHER_COLOURS)
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
    lay_out(figure, "What became of the rows", content_height=BAR_HEIGHT * len(bars))
    figure.update_xaxes(title="Per cent of the table's rows", range=[0, 102])
    label_rows(figure, list(names))
    return figure


def _used_and_set_aside(ledger: RowCounts) -> dict[str, int]:
    return {"used": ledger.used, **ledger.set_aside}


def _add_vertical_line(figure: Figure, tokens: int, text: str, anchor: str, line: dict[str, str]) -> None:
    """A vertical line with a label. On a logarithmic axis, plotly places a line by its value and a label by the logarithm."""
    figure.add_shape(type="line", x0=tokens, x1=tokens, y0=0, y1=1, yref="paper", line=line)
    figure.add_annotation(
        x=log10(tokens), y=1, yref="paper", yanchor="bottom", xanchor=anchor, text=text, showarrow=False
    )
