"""Some columns of a raw table, row by row in constant memory; cells are read as `read_table` reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

import pyarrow as pa

from psy_agents.corpus.reading.frames import UNREADABLE, refuse_repeated
from psy_agents.corpus.reading.parquet import as_text, bounded_batches, open_parquet, parquet_errors
from psy_agents.corpus.reading.tables import DELIMITERS, csv_delimiter, csv_rows, full_rows, json_rows
from psy_agents.corpus.reading.text_lines import LONGEST_LINE, file_errors, text_lines
from psy_agents.errors import UserError

PARQUET_ROWS = 64  # In memory at a time; posts may be long.
PARQUET_BUFFER = 2**20  # Bytes of a column that are read ahead, in place of a whole row group.


def read_rows(path: Path, columns: Sequence[str], name: str, setting: str) -> Iterator[tuple[str, ...]]:
    """The cells of the named columns, in that order; a missing cell is "".

    Args:
        path: the file; its suffix gives the format, as for `read_table`.
        name: what messages call it.
        setting: the parameter that names the columns, for messages.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it cannot be read, or lacks a column. Rows with too few or too many cells, and a key that no
            object of a JSONL file has, are reported after the last row.
    """
    lower = path.name.lower()
    suffix = PurePath(lower.removesuffix(".gz")).suffix
    with file_errors(path, name):
        if suffix in DELIMITERS:
            yield from _of_csv(path, DELIMITERS[suffix], columns, name, setting)
        elif suffix == ".jsonl":
            yield from _of_jsonl(path, columns, name, setting)
        elif lower.endswith(".parquet"):
            yield from _of_parquet(path, columns, name, setting)
        else:
            raise UserError(
                f"{name}: the suffix does not say which kind of table it is: "
                f"give the file .csv, .tsv, .jsonl (each also with .gz behind it) or .parquet."
            )


def _of_csv(path: Path, delimiter: str, columns: Sequence[str], name: str, setting: str) -> Iterator[tuple[str, ...]]:
    lines, delimiter = csv_delimiter(text_lines(path, name, LONGEST_LINE), delimiter)
    rows = csv_rows(lines, delimiter, name)
    _, header = next(rows, (0, None))
    if header is None:
        raise UserError(f"{name}: the file is empty: give it a header and rows.")
    refuse_repeated(header, "columns", name)
    at = _places(columns, header, name, setting)
    for row in full_rows(rows, len(header), name):
        yield tuple(row[place] for place in at)


def _of_jsonl(path: Path, columns: Sequence[str], name: str, setting: str) -> Iterator[tuple[str, ...]]:
    seen: dict[str, None] = {}
    at: dict[str, int] = {}
    for row in json_rows(text_lines(path, name, LONGEST_LINE), seen, name):
        if len(seen) > len(at):
            at = {key: place for place, key in enumerate(seen)}
        cells = tuple(row[at[column]] if column in at else "" for column in columns)
        for column, cell in zip(columns, cells, strict=True):
            if cell.startswith(UNREADABLE):
                raise UserError(f"{name}, column {column}: {cell.removeprefix(UNREADABLE)}.")
        yield cells
    if not seen:
        raise UserError(f"{name}: the file is empty: write one JSON object a line.")
    _places(columns, list(seen), name, setting)


def _of_parquet(path: Path, columns: Sequence[str], name: str, setting: str) -> Iterator[tuple[str, ...]]:
    with path.open("rb") as source, parquet_errors(name):
        file = open_parquet(source, path, name, buffer_size=PARQUET_BUFFER)
        names = file.schema_arrow.names
        refuse_repeated(names, "columns", name)
        at = _places(columns, names, name, setting)
        for batch in bounded_batches(file, path, name, PARQUET_ROWS, columns):
            batch.validate(full=True)
            cells = [_cells(batch.column(names[place]), f"{name}, column {place + 1}") for place in at]
            yield from zip(*cells, strict=True)


def _cells(column: pa.Array, where: str) -> list[str]:
    cells = as_text(pa.chunked_array([column]), where).to_pylist()
    if any("\0" in cell for cell in cells if cell):
        raise UserError(f"{where}: there is a NUL character: remove it.")
    return [cell or "" for cell in cells]


def _places(columns: Sequence[str], present: Sequence[str], name: str, setting: str) -> list[int]:
    missing = [column for column in columns if column not in present]
    if missing:
        raise UserError(
            f"{name}: there is no column {' and no column '.join(missing)} among its {len(present)} columns: "
            f"name the columns in the file so, or say under {setting} what they are called."
        )
    return [list(present).index(column) for column in columns]
