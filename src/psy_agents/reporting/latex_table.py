"""The layout of a LaTeX table: escaped text, heads, rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

import pandas as pd

NO_HEAD = "{}"
"""Upper head of a column without one. pandas would merge it with an empty neighbour."""

# Brackets and stars have a meaning after the end of a row; the others are special characters of TeX.
_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\symbol{34}", "[": "{[}", "]": "{]}", "*": "{*}", "`": r"\textasciigrave{}",
}  # fmt: skip


def latex_text(text: str) -> str:
    """Text escaped for LaTeX. White space, including line ends, becomes single spaces."""
    return "".join(_ESCAPES.get(letter, letter) for letter in re.sub(r"\s+", " ", text).strip())


def latex_table(
    note: str, label: str, columns: str, heads: Sequence[str] | Sequence[tuple[str, str]], rows: Sequence[tuple[str, list[str]]]
) -> str:
    """A floating table. Its cells are LaTeX.

    Args:
        columns: alignment of each column.
        heads: head of each column, or pairs of upper and lower head; equal neighbours share an upper head.
        rows: group and cells. A rule separates groups; macro and micro are one group.
    """
    cells = [list(row) for _, row in rows]
    groups = ["mean" if group in ("macro", "micro") else group for group, _ in rows]
    for place, row in enumerate(cells):
        if place and groups[place] != groups[place - 1]:
            row[0] = f"\\midrule\n{row[0]}"
    if isinstance(heads[0], tuple):
        heads = pd.MultiIndex.from_tuples([(heads[0][0], f"{_rules([head for head, _ in heads])}\n{heads[0][1]}"), *heads[1:]])
    style = pd.DataFrame(cells, columns=heads).style.hide(axis="index")
    return style.to_latex(
        hrules=True, column_format=columns, position_float="centering", caption=note, label=f"tab:psy-agents-{label}",
        multicol_align="c",
    )  # fmt: skip


def _rules(upper: Sequence[str]) -> str:
    """A rule under each upper head."""
    groups = [(head, [column for column, _ in group]) for head, group in groupby(enumerate(upper, start=1), key=itemgetter(1))]
    return " ".join(rf"\cmidrule(lr){{{columns[0]}-{columns[-1]}}}" for head, columns in groups if head not in ("", NO_HEAD))
