"""HTML pages that need nothing else: no server, no network. What the reports' pages share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Cell = str | int | None

STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5a6068; --line: #d8dce1; --page: #ffffff; --box: #f5f6f8;
  --note: #fff4dc; --note-line: #e69f00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #a3aab3; --line: #3a4048; --page: #15171a; --box: #1e2125; --note: #33290f; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.25rem 1rem 4rem; max-width: 62rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
.headline { font-size: 1.1rem; margin: 0 0 1rem; }
.notes { background: var(--note); border-left: 4px solid var(--note-line); padding: .75rem 1rem; }
.notes h2 { margin: 0; padding: 0; border: 0; font-size: 1rem; }
.notes ul { margin: .25rem 0 0; padding-left: 1.2rem; }
p, li { overflow-wrap: anywhere; }
.soft, figcaption { color: var(--soft); }
figcaption { font-size: .92rem; max-width: 44rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; min-width: min(100%, 32rem); }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td:not(.number) { min-width: 11rem; }
th[scope=row] { font-weight: 400; overflow-wrap: anywhere; min-width: 8rem; max-width: 22rem; }
@media (min-width: 40rem) { th[scope=row] { min-width: 15rem; } }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 1rem 0; }
"""

# Plotly draws its own colours, so that the page's must be given to it, and again where the reader's theme changes.
THEME = """
const dark = matchMedia("(prefers-color-scheme: dark)");
function theme() {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink"), line = style.getPropertyValue("--line");
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const change = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font.color": ink, "title.font.color": ink};
    for (const axis of Object.keys(plot._fullLayout).filter(name => /^[xy]axis\\d*$/.test(name))) {
      change[axis + ".gridcolor"] = change[axis + ".zerolinecolor"] = line;
    }
    Plotly.relayout(plot, change);
  }
}
dark.addEventListener("change", theme);
theme();
"""

_NUMBER = re.compile(r"[-<]?[\d,]+(\.\d+)?(\s%|\s±\s[\d.]+|\s\[[^\]]*\])?")


def html_document(title: str, body: Iterable[str], style: str = "", script: str = "") -> str:
    """A whole page with plotly in it.

    Args:
        body: HTML of the page's parts, in order.
        style, script: the page's own, after the shared ones.
    """
    from plotly.offline import get_plotlyjs

    return _document(title, body, style, f"\n<script>{get_plotlyjs()}</script>", THEME + script)


def closed_document(title: str, body: Iterable[str], style: str = "", script: str = "") -> str:
    """A whole page without figures, which the browser lets load nothing and send nothing, whatever it holds."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
    return _document(title, body, style, f'\n<meta http-equiv="Content-Security-Policy" content="{policy}">', script)


def _document(title: str, body: Iterable[str], style: str, head: str, script: str) -> str:
    content = "\n".join(body)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>{head}\n</head>\n<body>\n{content}\n"
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def html_figure(figure: Figure, name: str, caption: str = "") -> str:
    """A drawn figure; its name is its id in the page, and keeps the file the same from run to run."""
    drawn = figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config={"responsive": True, "displayModeBar": False})
    told = f"\n<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{drawn}{told}</figure>"


def html_table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A table whose first column names its rows; every cell is escaped, whole numbers get their commas.

    The caption is the figure's: a table's own would scroll away with a table that is wider than a phone.
    """
    rows = list(rows)
    numeric = [False, *(all(_is_number(row[place]) for row in rows) for place in range(1, len(columns)))]
    head = "".join(f'<th scope="col"{_class(number)}>{escape(name)}</th>' for name, number in zip(columns, numeric, strict=True))
    body = "".join(
        f'<tr><th scope="row">{_row_name(row[0])}</th>'
        + "".join(f"<td{_class(number)}>{_cell(value)}</td>" for value, number in zip(row[1:], numeric[1:], strict=True))
        + "</tr>\n"
        for row in rows
    )
    label = escape(caption)
    return (
        f'<figure><figcaption>{label}</figcaption>\n<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div></figure>"
    )


def _is_number(cell: Cell) -> bool:
    return cell is None or isinstance(cell, int) or _NUMBER.fullmatch(cell) is not None


def _class(number: bool) -> str:
    return ' class="number"' if number else ""


def _row_name(value: Cell) -> str:
    """Ids may break after an underscore, where they are too long for a phone, and not within a word."""
    return _cell(value).replace("_", "_<wbr>")


def _cell(value: Cell) -> str:
    return "" if value is None else escape(f"{value:,}" if isinstance(value, int) else value)
