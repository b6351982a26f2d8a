"""Parquet files whose cells are read as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from psy_agents.corpus.reading.frames import UNREADABLE, refuse_repeated, to_pandas
from psy_agents.corpus.reading.text_lines import BOMB_BYTES, BOMB_RATIO
from psy_agents.errors import UserError

LARGEST_WHOLE_FLOAT = 2**53  # Up to here every whole number has a float of its own.


def read_parquet(path: Path, name: str) -> pd.DataFrame:
    """A table as `psy_agents.corpus.reading.tables.read_table` returns it."""
    with path.open("rb") as file:
        try:
            opened = pq.ParquetFile(file)
            refuse_bomb(opened, path, name)
            table = opened.read()
            table.validate(full=True)
            names = table.column_names
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"{name}: the file cannot be read as Parquet ({type(error).__name__}): "
                f"copy or save it again, whole and with its text in UTF-8."
            ) from None
    refuse_repeated(names, "columns", name)
    columns = []
    for number in range(1, len(names) + 1):
        where = f"{name}, column {number} of {len(names)}"
        problem = ""
        try:
            text = as_text(table.column(0), where)
        except UserError as error:  # Of no matter for a column that nothing reads.
            problem = str(error).removeprefix(f"{where}: ").removesuffix(".")
            text = pa.chunked_array([pa.repeat(pa.scalar(f"{UNREADABLE}{problem}", pa.large_string()), len(table))])
        table = table.remove_column(0)  # Frees it, now that there is a copy.
        bad = -1 if problem else pc.index(pc.match_substring(text, "\0"), True).as_py()
        if bad >= 0 or "\0" in names[number - 1]:
            raise UserError(f"{where}: there is a NUL character (row {bad + 1}): remove it.")
        columns.append(text)
    return to_pandas(columns, names)


def refuse_bomb(file: pq.ParquetFile, path: Path, name: str) -> None:
    """Refuse a file whose rows or unpacked bytes are far more than its own bytes: reading it would fill the memory.

    Raises:
        UserError: so it is; a row of posts or annotations takes a byte at least.
    """
    size, unpacked = path.stat().st_size, sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
    if file.metadata.num_rows > max(size, 2**20) or unpacked > max(BOMB_BYTES, BOMB_RATIO * size):
        raise UserError(f"{name}: the file unpacks to far more rows or bytes than it has itself, so it holds no posts: write it again.")


def as_text(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """A Parquet column as text; null where a cell is missing."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_duration(kind):
        raise UserError(f"{where}: its cells are lists, objects or durations: write them as text.")
    if pa.types.is_floating(kind):
        return pa.chunked_array([_floats_as_text(column.to_numpy())])
    if pa.types.is_timestamp(kind):
        in_utc = column if kind.tz is None else column.cast(pa.timestamp(kind.unit, "UTC"))
        return pc.replace_substring(in_utc.cast(pa.large_string()), " ", "T")
    try:
        return column.cast(pa.large_string())
    except pa.ArrowInvalid:
        raise UserError(f"{where}: its bytes are not UTF-8: write them as text.") from None
    except pa.ArrowNotImplementedError:
        raise UserError(f"{where}: its cells have no form as text: write them as text.") from None


def _floats_as_text(values: np.ndarray) -> pa.Array:
    missing = np.isnan(values)
    present = values[~missing]
    whole = (present == np.round(present)) & (np.abs(present) <= LARGEST_WHOLE_FLOAT)
    if missing.any() and whole.all():
        return pa.array(np.where(missing, 0, values).astype(np.int64), mask=missing).cast(pa.large_string())
    texts = [None if gap else str(value) for value, gap in zip(values, missing, strict=True)]
    return pa.array(texts, pa.large_string())
