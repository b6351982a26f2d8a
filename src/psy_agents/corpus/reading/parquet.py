"""Parquet files whose cells are read as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from psy_agents.corpus.reading.frames import UNREADABLE, refuse_repeated, to_pandas
from psy_agents.corpus.reading.text_lines import BOMB_BYTES, BOMB_RATIO
from psy_agents.errors import UserError

BATCH_ROWS = 1024
Part = TypeVar("Part", pa.Table, pa.RecordBatch)
NO_TEXT = "its cells are lists, objects or durations: write them as text"
LARGEST_WHOLE_FLOAT = 2**53  # Up to here every whole number has a float of its own.


def read_parquet(path: Path, name: str) -> pd.DataFrame:
    """A table as `psy_agents.corpus.reading.tables.read_table` returns it."""
    with path.open("rb") as file, parquet_errors(name):
        names, rows, table = _whole(file, path, name)
    columns = []
    for number, column in enumerate(names, 1):
        where = f"{name}, column {number} of {len(names)}"
        problem = ""
        try:
            if column not in table.column_names:
                raise UserError(f"{where}: {NO_TEXT}.")
            text = as_text(table.column(column), where)
        except UserError as error:  # Of no matter for a column that nothing reads.
            problem = str(error).removeprefix(f"{where}: ").removesuffix(".")
            text = pa.chunked_array([pa.repeat(pa.scalar(f"{UNREADABLE}{problem}", pa.large_string()), rows)])
        if column in table.column_names:
            table = table.drop_columns([column])  # Frees it, now that there is a copy.
        bad = -1 if problem else pc.index(pc.match_substring(text, "\0"), True).as_py()
        if bad >= 0 or "\0" in names[number - 1]:
            raise UserError(f"{where}: there is a NUL character (row {bad + 1}): remove it.")
        columns.append(text)
    return to_pandas(columns, names)


@contextmanager
def parquet_errors(name: str) -> Iterator[None]:
    """What damage to a Parquet file raises in this context becomes a `UserError`."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{name}: the file cannot be read as Parquet ({type(error).__name__}): "
            f"copy or save it again, whole and with its text in UTF-8."
        ) from None


def open_parquet(file: BinaryIO, path: Path, name: str, **options: Any) -> pq.ParquetFile:
    """Open a file whose rows and unpacked bytes are in proportion to its own bytes.

    Args:
        options: of `pyarrow.parquet.ParquetFile`.

    Raises:
        UserError: they are far more.
    """
    opened = pq.ParquetFile(file, **options)
    meta, size = opened.metadata, path.stat().st_size
    unpacked = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    if meta.num_rows > max(size, 2**20) or unpacked > _most(path):  # A row of posts or annotations takes a byte at least.
        raise _bomb(name)
    return opened


def bounded_batches(file: pq.ParquetFile, path: Path, name: str, rows: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """At most so many rows at a time, and fewer of a file with large parts: each row may repeat the largest text of one.

    Raises:
        UserError: a column holds lists or objects, or the cells together are far larger than the file: they would fill the memory.
    """
    names = file.schema_arrow.names
    for column in columns:
        if _without_text(file.schema_arrow.field(column).type):
            raise UserError(f"{name}, column {names.index(column) + 1} of {len(names)}: {NO_TEXT}.")
    largest = max((chunk.total_uncompressed_size for chunk in _chunks(file.metadata)), default=0)
    rows = max(1, min(rows, BOMB_BYTES // max(1, largest)))
    return _refusing_bombs(file.iter_batches(rows, columns=list(columns)), path, name)


def _whole(file: BinaryIO, path: Path, name: str) -> tuple[list[str], int, pa.Table]:
    """Names of all columns, number of rows, and the columns that may have a form as text; they may be dictionaries.

    Of texts that a file holds once and repeats by number the numbers are read, so their size is known before they are unpacked.
    """
    opened = open_parquet(file, path, name)
    names, rows = opened.schema_arrow.names, opened.metadata.num_rows
    refuse_repeated(names, "columns", name)
    plain = [field.name for field in opened.schema_arrow if not _without_text(field.type)]
    chunks = list(_chunks(opened.metadata))
    if any("DELTA_BYTE_ARRAY" in chunk.encodings for chunk in chunks):  # Each text repeats a part of the one before.
        parts = (pa.Table.from_batches([batch]) for batch in bounded_batches(opened, path, name, BATCH_ROWS, plain))
    else:
        opened = pq.ParquetFile(file, read_dictionary=sorted(_repeated(opened)))
        parts = _refusing_bombs((opened.read_row_group(i, plain) for i in range(opened.num_row_groups)), path, name)
    found = list(parts)
    table = pa.concat_tables(found) if found else opened.schema_arrow.empty_table().select(plain)
    table.validate(full=True)
    return names, rows, table


def _refusing_bombs(parts: Iterable[Part], path: Path, name: str) -> Iterator[Part]:
    size = 0
    for part in parts:
        size += sum(map(_unpacked_bytes, part.columns))
        if size > _most(path):
            raise _bomb(name)
        yield part


def _repeated(file: pq.ParquetFile) -> set[str]:
    """The columns of texts of which any row group has a dictionary, by the schema's names: those of a damaged file's chunks may differ."""
    groups = range(file.metadata.num_row_groups)
    return {
        file.schema.column(column).path
        for column in range(file.metadata.num_columns)
        for chunk in (file.metadata.row_group(group).column(column) for group in groups)
        if chunk.physical_type == "BYTE_ARRAY" and chunk.has_dictionary_page
    }


def _chunks(meta: pq.FileMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    return (meta.row_group(i).column(j) for i in range(meta.num_row_groups) for j in range(meta.num_columns))


def _most(path: Path) -> int:
    return max(BOMB_BYTES, BOMB_RATIO * path.stat().st_size)


def _bomb(name: str) -> UserError:
    return UserError(f"{name}: the file unpacks to far more rows or bytes than it has itself, so it holds no posts: write it again.")


def _unpacked_bytes(column: pa.Array | pa.ChunkedArray) -> int:
    if isinstance(column, pa.ChunkedArray):
        return sum(map(_unpacked_bytes, column.chunks))
    if not pa.types.is_dictionary(column.type):
        return column.nbytes
    try:
        lengths = pc.binary_length(column.dictionary)
    except pa.ArrowNotImplementedError:  # Of numbers and the like.
        return 8 * len(column)
    return pc.sum(lengths.take(column.indices)).as_py() or 0


def _without_text(kind: pa.DataType) -> bool:
    storage = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    return pa.types.is_nested(storage) or pa.types.is_duration(storage)


def as_text(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """A Parquet column as text; null where a cell is missing."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
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
