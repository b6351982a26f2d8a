"""Rows of text as pandas frames."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import zip_longest

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from psy_agents.errors import UserError

UNREADABLE = "\0"  # Begins a cell that has no form as text; the reason follows. No cell that was read has a NUL.
BATCH_BYTES = 2**24
BYTES_OF_STR = 50  # What Python adds to each text.


def refuse_repeated(names: list[str], kind: str, where: str) -> None:
    """Raises `UserError` where a column or key is listed twice."""
    seen: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if name in seen:
            raise UserError(f"{where}: {kind} {seen[name]} and {number} have the same name: keep one of them.")
        seen[name] = number


def frame_of_rows(rows: Iterable[list[str]], columns: Collection[str]) -> pd.DataFrame:
    """A frame of the rows; they may be shorter than the columns, which may grow while they are drawn.

    Rows are packed batch by batch, because Python's texts take up to four bytes a character.
    """
    parts = [_packed(batch) for batch in _batches(rows)]
    whole = pa.schema([(str(place), pa.large_string()) for place in range(len(columns))]).empty_table()
    table = pa.concat_tables([whole, *parts], promote_options="default")
    return to_pandas(table.columns, list(columns))


def _batches(rows: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    batch, size = [], 0
    for row in rows:
        batch.append(row)
        size += sum(map(len, row)) + BYTES_OF_STR * len(row)
        if size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def _packed(batch: list[list[str]]) -> pa.Table:
    columns = [pa.array(cells, pa.large_string()) for cells in zip_longest(*batch, fillvalue="")]
    return pa.table(columns, names=[str(place) for place in range(len(columns))])


def to_pandas(columns: list[pa.ChunkedArray], names: list[str]) -> pd.DataFrame:
    """A frame of text columns; a missing cell is ""."""
    filled = [pc.fill_null(column, "") if column.null_count else column for column in columns]
    return pa.table(filled, names=names).to_pandas(ignore_metadata=True)
