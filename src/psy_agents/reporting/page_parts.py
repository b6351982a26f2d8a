"""Parts of an HTML page: tables, charts, details and sections."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Cell = str | int | None

_NUMBER = re.compile(r"([\d,]+ h \d\d min|\d+ min|\d+ s)|[-<]?[\d,]+(\.\d+)?(\s%|\s\[[^\]]*\])?")


@dataclass(frozen=True)
class Table:
    """A table. Its first column names its rows."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds only numbers, which are aligned to the right."""
        return [False, *(all(_is_number(row[column]) for row in self.rows) for column in range(1, len(self.columns)))]


@dataclass(frozen=True)
class Chart:
    """A figure of a page.

    Attributes:
        name: id of the HTML element. A fixed id makes the page reproducible.
        title: heading of a figure that may be wider than the page.
    """

    name: str
    figure: Figure
    caption: str = ""
    title: str = ""

    @property
    def height(self) -> int:
        """Pixels that the figure takes once it is drawn."""
        return round(self.figure.layout.height or 450)


@dataclass(frozen=True)
class Details:
    """Charts and tables in a collapsible HTML element.

    Attributes:
        summary: the line that opens and closes it.
        opened: whether it is open when the page loads.
    """

    summary: str
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    opened: bool = False


@dataclass(frozen=True)
class Section:
    """The charts, tables and details of a section, in this order."""

    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    details: Sequence[Details] = ()


def _is_number(cell: Cell) -> bool:
    return cell is None or isinstance(cell, int) or _NUMBER.fullmatch(cell) is not None
