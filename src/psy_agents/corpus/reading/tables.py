"""Raw tables, read verbatim: every cell is text, and whatever is ambiguous is refused, never guessed.

No message quotes a cell or a column's name, since a file without a header has a post there. Messages give numbers of lines,
rows, columns and bytes, counted from 1.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from psy_agents.corpus.reading.frames import UNREADABLE, frame_of_rows, refuse_repeated
from psy_agents.corpus.reading.parquet import read_parquet
from psy_agents.corpus.reading.text_lines import LONGEST_LINE, file_errors, text_lines
from psy_agents.errors import UserError

SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)
SEPARATORS = (",", ";", "\t")
QUOTED = re.compile(r'"[^"]*("|$)')  # A quoted cell of several lines is open at the line's end.
DELIMITERS = {".csv": ",", ".tsv": "\t"}
LARGEST_CELL = 2**24  # Characters: sixteen times the longest post that is predicted.
MOST_KEYS = 1000  # Different keys in a JSONL file; more would mean that they are ids, and a table of rows x rows.
UNSAVEABLE = re.compile("[\0\ud800-\udfff]")  # No CSV holds a NUL and no UTF-8 half a surrogate pair.


def read_table(path: Path, name: str | None = None) -> pd.DataFrame:
    """A table as a frame whose cells are all text (pandas' ``str``); a missing cell is "".

    The suffix gives the format: ``.csv`` and ``.tsv`` (a header, cells quoted as spreadsheets do),
    ``.jsonl`` (an object a line) and ``.parquet``; all but the last also packed, with ``.gz`` behind it. Text is
    UTF-8, with or without a byte order mark; lines end in LF, CRLF or CR, and blank ones are skipped. Line
    breaks within a quoted cell are unchanged, so offsets into a text stay valid.

    The separator of ``.csv`` and ``.tsv`` may be another one, see `csv_delimiter`. A cell with no form as text, such as a list,
    begins with UNREADABLE, so that a column that nothing reads does no harm.

    From JSONL, numbers come as they are written, true and false as words, and a key that a row lacks as "". From
    Parquet, times come in ISO 8601 (in UTC where they have a zone), and floats as whole numbers where all of
    their column are whole and some are missing: so pandas writes integers with gaps.

    Args:
        path: the file.
        name: what messages call it; the file's own name by default.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it cannot be read, or not as one table.
    """
    name = name or path.name
    lower = path.name.lower()
    suffix = PurePath(lower.removesuffix(".gz")).suffix
    with file_errors(path, name):
        if suffix in DELIMITERS:
            return _read_csv(text_lines(path, name, LONGEST_LINE), DELIMITERS[suffix], name)
        if suffix == ".jsonl":
            return _read_jsonl(text_lines(path, name, LONGEST_LINE), name)
        if lower.endswith(".parquet"):
            return read_parquet(path, name)
    raise UserError(
        f"{name}: the suffix does not say which kind of table it is: "
        f"give the file .csv, .tsv, .jsonl (each also with .gz behind it) or .parquet."
    )


def read_json(path: Path, name: str | None = None) -> dict[str, Any] | pd.DataFrame:
    """A JSON object whose keys all differ, in the file's order; or an array of objects as a table, see `read_table`.

    In an object a text is a str, and whatever is none is not.

    Args, Raises: as `read_table`.
    """
    name = name or path.name
    with file_errors(path, name):
        # JSON has line breaks between tokens only, so normalising them changes no text.
        text = "".join(text_lines(path, name)).replace("\r\n", "\n").replace("\r", "\n")
    decoded = _decoded(_ROWS if text.lstrip().startswith("[") else _OBJECT, text, name)
    if isinstance(decoded, list):
        columns: dict[str, None] = {}
        rows = ((f"{name}, entry {number}", row) for number, row in enumerate(decoded, 1))
        return frame_of_rows(object_rows(rows, columns), columns)
    if not isinstance(decoded, tuple):
        raise UserError(f"{name}: the JSON is no object: write one object of ids and texts, in braces.")
    refuse_repeated([key for key, _ in decoded], "keys", name)
    for number, pair in enumerate(decoded, 1):
        if _unsaveable(pair):
            raise UserError(f"{name}: key {number} or its text holds half a surrogate pair or a NUL: remove it.")
    return dict(decoded)


def _decoded(decoder: json.JSONDecoder, text: str, name: str) -> Any:
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        where = f"{name}, line {error.lineno}"
        if error.msg == "Extra data":
            raise UserError(f"{where}: another value follows: give a file of one object a line the suffix .jsonl.") from None
        raise UserError(f"{where}: this is not JSON: complete or correct the file.") from None
    except RecursionError:
        raise UserError(f"{name}: the JSON is nested too deeply: write one object of ids and texts.") from None


def _read_csv(lines: Iterator[str], delimiter: str, name: str) -> pd.DataFrame:
    lines, delimiter = csv_delimiter(lines, delimiter)
    rows = csv_rows(lines, delimiter, name)
    _, header = next(rows, (0, None))
    if header is None:
        raise UserError(f"{name}: the file is empty: give it a header and rows.")
    refuse_repeated(header, "columns", name)
    return frame_of_rows(full_rows(rows, len(header), name), header)


def csv_delimiter(lines: Iterator[str], delimiter: str) -> tuple[Iterator[str], str]:
    """The lines and their separator: that of Excel's first line ``sep=;``, or the only one of the header where that lacks its own.

    Excel writes semicolons where the decimal sign is a comma, and many programs name a file with tabs ``.csv``.
    """
    first = next(lines, "")
    declared = SEPARATOR_LINE.fullmatch(first.strip("\r\n").strip('"'))
    if declared:
        return chain(["\n"], lines), declared[1]  # A blank line, which is skipped, keeps the numbers of the lines.
    unquoted = QUOTED.sub("", first)
    others = [other for other in SEPARATORS if other in unquoted]
    if delimiter not in unquoted and len(others) == 1:
        delimiter = others[0]
    return chain([first] if first else [], lines), delimiter


def csv_rows(lines: Iterator[str], delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Each row but blank lines, with the number of its first line."""
    # For the whole process, and never lowered again: another thread may be reading.
    csv.field_size_limit(max(LARGEST_CELL, csv.field_size_limit()))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            if str(error) == "unexpected end of data":
                raise UserError(
                    f"{name}, line {first}: the row that begins here has a quote that is never closed: "
                    f"complete the file, or double each quote within a cell."
                ) from None
            if str(error).startswith("field larger"):
                raise UserError(
                    f"{name}, line {first}: a cell of the row that begins here has more than {LARGEST_CELL:,} characters: "
                    f"is its quote never closed? Close it, or shorten the text."
                ) from None
            raise UserError(
                f"{name}, line {reader.line_num}: text follows a closing quote: "
                f"double each quote within a cell, and leave nothing between a cell and its separator."
            ) from None
        if row is None:
            return
        if row:
            yield first, row


def full_rows(rows: Iterable[tuple[int, list[str]]], width: int, name: str) -> Iterator[list[str]]:
    """The rows' cells; refuses, once all are counted, rows that are longer or shorter than the header."""
    total, wrong, first = 0, 0, ""
    for line, row in rows:
        total += 1
        if len(row) == width:
            yield row
            continue
        wrong += 1
        first = first or f"the one in line {line} with {len(row)}"
    if wrong:
        raise UserError(
            f"{name}: {wrong} of {total} rows have more or fewer cells than the header's {width}, first {first}: "
            f"quote every cell that holds a separator, a quote or a line break."
        )


def _read_jsonl(lines: Iterator[str], name: str) -> pd.DataFrame:
    columns: dict[str, None] = {}  # A set that keeps its order.
    frame = frame_of_rows(json_rows(lines, columns, name), columns)
    if not columns:
        raise UserError(f"{name}: the file is empty: write one JSON object a line.")
    return frame


def json_rows(lines: Iterator[str], columns: dict[str, None], name: str) -> Iterator[list[str]]:
    """Each object's cells in the order of ``columns``, to which keys are added as they appear."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            row = _ROWS.decode(line)
        except (json.JSONDecodeError, RecursionError):
            raise UserError(f"{where}: this is not JSON: write one whole object a line.") from None
        yield from object_rows([(where, row)], columns)


def object_rows(objects: Iterable[tuple[str, Any]], columns: dict[str, None]) -> Iterator[list[str]]:
    """Each decoded object's cells in the order of ``columns``, to which keys are added as they appear.

    Args:
        objects: where each is, for messages, and the object.
    """
    for where, pairs in objects:
        if not isinstance(pairs, tuple) or not pairs:
            raise UserError(f"{where}: this is no JSON object with keys: write each row as an object, in braces.")
        refuse_repeated([key for key, _ in pairs], "keys", where)
        row = {key: _cell(value) for key, value in pairs}
        if any(UNSAVEABLE.search(text) for pair in row.items() for text in pair if not text.startswith(UNREADABLE)):
            raise UserError(f"{where}: a \\u escape makes half a surrogate pair or a NUL: remove it.")
        columns.update(dict.fromkeys(row))
        if len(columns) > MOST_KEYS:
            raise UserError(f"{where}: the rows up to here have {len(columns)} different keys: use the same in each.")
        yield [row.get(key, "") for key in columns]


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"{UNREADABLE}its cells are lists or objects: write them as text"
    return "" if value is None else value if isinstance(value, str) else str(value).lower()


def _refuse_constant(_word: str) -> None:
    raise json.JSONDecodeError("NaN and Infinity are Python's, not JSON's", "", 0)


def _unsaveable(pair: tuple[str, Any]) -> bool:
    return any(isinstance(text, str) and UNSAVEABLE.search(text) for text in pair)


# An object becomes a tuple, which keeps repeated keys and differs from an array. In rows numbers stay as written; in an object they
# become floats, which have room for integers of any length.
_ROWS = json.JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
_OBJECT = json.JSONDecoder(object_pairs_hook=tuple, parse_int=float)
