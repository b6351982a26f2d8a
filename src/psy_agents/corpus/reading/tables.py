"""Raw files at the border: read to the letter, every cell a text; what is unclear is refused, never guessed.

No message quotes a cell or the name of a column, since a file without a header has a post there: it gives
numbers of lines, rows, columns and bytes, all counted from 1.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import zip_longest
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from psy_agents.errors import UserError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
BYTE_ORDER_MARKS = {  # UTF-32 first: its little-endian mark begins with UTF-16's.
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
LARGEST_CELL = 2**31 - 1  # Characters; the largest limit that csv takes on every platform.
MOST_KEYS = 1000  # Different keys in a JSONL file; more would mean that they are ids, and a table of rows x rows.
BATCH_BYTES = 2**24
BYTES_OF_STR = 50  # What Python adds to each text.
LARGEST_WHOLE_FLOAT = 2**53  # Up to here every whole number has a float of its own.
UNSAVEABLE = re.compile("[\0\ud800-\udfff]")  # No CSV holds a NUL and no UTF-8 half a surrogate pair.



def read_table(path: Path, name: str | None = None) -> pd.DataFrame:
    """A table as a frame whose cells are all text (pandas' ``str``); a missing cell is "".

    The suffix says what the file is: ``.csv`` and ``.tsv`` (a header, cells quoted as spreadsheets do),
    ``.jsonl`` (an object a line) and ``.parquet``; all but the last also packed, with ``.gz`` behind it. Text is
    UTF-8, with or without a byte order mark; lines end in LF, CRLF or CR, and blank ones are skipped. Line
    breaks within a quoted cell stay as they are, so that offsets into a text hold.

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
    with told_in_one_sentence(path, name):
        if suffix in DELIMITERS:
            return _read_csv(text_lines(path, name), DELIMITERS[suffix], name)
        if suffix == ".jsonl":
            return _read_jsonl(text_lines(path, name), name)
        if lower.endswith(".parquet"):
            return _read_parquet(path, name)
    raise UserError(
        f"{name}: the suffix does not say which kind of table it is: "
        f"give the file .csv, .tsv, .jsonl (each also with .gz behind it) or .parquet."
    )


def read_json(path: Path, name: str | None = None) -> dict[str, Any]:
    """A JSON object whose keys all differ, in the file's order; a text is a str, and whatever is none is not.

    Args, Raises: as `read_table`.
    """
    name = name or path.name
    # Floats have room for integers of any length.
    decoder = json.JSONDecoder(object_pairs_hook=tuple, parse_int=float)
    with told_in_one_sentence(path, name):
        # Line breaks stand only between JSON's tokens, so that making them one kind changes no text.
        text = "".join(text_lines(path, name)).replace("\r\n", "\n").replace("\r", "\n")
    try:
        pairs = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{name}, line {error.lineno}: this is not JSON: complete or mend the file.") from None
    except RecursionError:
        raise UserError(f"{name}: the JSON is nested too deeply: write one object of ids and texts.") from None
    if not isinstance(pairs, tuple):
        raise UserError(f"{name}: the JSON is no object: write one object of ids and texts, in braces.")
    refuse_repeated([key for key, _ in pairs], "keys", name)
    for number, pair in enumerate(pairs, 1):
        if _unsaveable(pair):
            raise UserError(f"{name}: key {number} or its text holds half a surrogate pair or a NUL: remove it.")
    return dict(pairs)


@contextmanager
def told_in_one_sentence(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise UserError(f"{name}: this is a folder: name a file in it.") from None
    except PermissionError:
        raise UserError(f"{name}: the file may not be read: give yourself the permission.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"{name}: the file is not gzip, or cut off or damaged: pack or copy it again.") from None
    except OSError as error:
        kind = error.strerror or type(error).__name__
        raise UserError(f"{name}: the file cannot be read ({kind}): check its path and its disk.") from None


def _opened(path: Path) -> BinaryIO:
    if not path.name.lower().endswith(".gz"):
        return path.open("rb")
    with gzip.open(path) as file:  # Damage shows at the end only, and until then unpacks to text that is not to blame.
        while file.read(BATCH_BYTES):
            pass
    return gzip.open(path)


def text_lines(path: Path, name: str) -> Iterator[str]:
    """The file's lines, each with its own line end."""
    with TextIOWrapper(_opened(path), encoding="utf-8-sig", newline="") as text:
        try:
            for number, line in enumerate(text, 1):
                if "\0" in line:
                    raise UserError(
                        f"{name}, line {number}: there is a NUL byte: the file is damaged or UTF-16, save it as UTF-8."
                    )
                yield line
        except UnicodeDecodeError:
            raise _encoding_error(path, name) from None


def _encoding_error(path: Path, name: str) -> UserError:
    """Where a file that is not UTF-8 first shows it: the decoder itself knows only its place in a buffer."""
    with _opened(path) as file:
        mark = file.read(4)
        for start, encoding in BYTE_ORDER_MARKS.items():
            if mark.startswith(start):
                return UserError(f"{name}: the file is in {encoding}: save it as UTF-8.")
        file.seek(0)
        line, offset = 1, 0
        for part in file:  # Up to a LF, which is never a part of another character.
            try:
                part.decode()
            except UnicodeDecodeError as error:
                line += _line_ends(part[: error.start])
                wrong = part[error.start]
                offset += error.start + 1
                break
            line += _line_ends(part)
            offset += len(part)
        else:
            return UserError(f"{name}: the file changed while it was read: read it again.")
    return UserError(f"{name}, line {line}: byte {offset} of the file (0x{wrong:02x}) is not UTF-8: save it as UTF-8.")


def _line_ends(part: bytes) -> int:
    return part.count(b"\n") + part.count(b"\r") - part.count(b"\r\n")


def _read_csv(lines: Iterator[str], delimiter: str, name: str) -> pd.DataFrame:
    rows = csv_rows(lines, delimiter, name)
    _, header = next(rows, (0, None))
    if header is None:
        raise UserError(f"{name}: the file is empty: give it a header and rows.")
    refuse_repeated(header, "columns", name)
    return _frame(full_rows(rows, len(header), name), header)


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
    frame = _frame(json_rows(lines, columns, name), columns)
    if not columns:
        raise UserError(f"{name}: the file is empty: write one JSON object a line.")
    return frame


def json_rows(lines: Iterator[str], columns: dict[str, None], name: str) -> Iterator[list[str]]:
    """Each object's cells in the order of ``columns``, to which keys are added as they appear."""
    # An object becomes a tuple, which keeps repeated keys and tells it from an array; numbers stay as written.
    decoder = json.JSONDecoder(
        object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=_refuse_constant
    )
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            pairs = decoder.decode(line)
        except (json.JSONDecodeError, RecursionError):
            raise UserError(f"{where}: this is not JSON: write one whole object a line.") from None
        if not isinstance(pairs, tuple) or not pairs:
            raise UserError(f"{where}: this is no JSON object with keys: write one object a line, in braces.")
        refuse_repeated([key for key, _ in pairs], "keys", where)
        row = {}
        for place, (key, value) in enumerate(pairs, 1):
            if isinstance(value, list | tuple):
                raise UserError(f"{where}: the value of key {place} is a list or an object: write it as text.")
            row[key] = "" if value is None else value if isinstance(value, str) else str(value).lower()
        if "\\u" in line and any(map(_unsaveable, row.items())):
            raise UserError(f"{where}: a \\u escape makes half a surrogate pair or a NUL: remove it.")
        columns.update(dict.fromkeys(row))
        if len(columns) > MOST_KEYS:
            raise UserError(f"{where}: the rows up to here have {len(columns)} different keys: use the same in each.")
        yield [row.get(key, "") for key in columns]


def _refuse_constant(_word: str) -> None:
    raise json.JSONDecodeError("NaN and Infinity are Python's, not JSON's", "", 0)


def _unsaveable(pair: tuple[str, Any]) -> bool:
    return any(isinstance(text, str) and UNSAVEABLE.search(text) for text in pair)


def refuse_repeated(names: list[str], kind: str, where: str) -> None:
    seen: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if name in seen:
            raise UserError(f"{where}: {kind} {seen[name]} and {number} have the same name: keep one of them.")
        seen[name] = number


def _frame(rows: Iterable[list[str]], columns: Collection[str]) -> pd.DataFrame:
    """A frame of the rows; they may be shorter than the columns, which may grow while they are drawn.

    Rows are packed batch by batch, because Python's texts take up to four bytes a character.
    """
    parts = [_packed(batch) for batch in _batches(rows)]
    whole = pa.schema([(str(place), pa.large_string()) for place in range(len(columns))]).empty_table()
    table = pa.concat_tables([whole, *parts], promote_options="default")
    return _to_pandas(table.columns, list(columns))


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


def _to_pandas(columns: list[pa.ChunkedArray], names: list[str]) -> pd.DataFrame:
    filled = [pc.fill_null(column, "") if column.null_count else column for column in columns]
    return pa.table(filled, names=names).to_pandas(ignore_metadata=True)


def _read_parquet(path: Path, name: str) -> pd.DataFrame:
    with path.open("rb") as file:
        try:
            table = pq.ParquetFile(file).read()
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
        text = as_text(table.column(0), where)
        table = table.remove_column(0)  # Frees it, now that there is a copy.
        bad = pc.index(pc.match_substring(text, "\0"), True).as_py()
        if bad >= 0 or "\0" in names[number - 1]:
            raise UserError(f"{where}: there is a NUL character (row {bad + 1}): remove it.")
        columns.append(text)
    return _to_pandas(columns, names)


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
