"""Any table and any object of texts comes back as it was written."""

import csv
import gzip
import io
import json

import pyarrow as pa
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.corpus.raw_files import BOM, parquet

from psy_agents.corpus.reading.tables import read_json, read_table

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
TRICKY = st.text(st.sampled_from(list('",\t\r\n\\{}“😀é \ufeff\u2028\x85a1')), max_size=12)
NAMES = (TEXTS | TRICKY).filter(lambda name: not name.startswith("\ufeff"))  # Which would be a byte order mark.


@st.composite
def tables(draw, min_rows):
    columns = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    row = st.lists(TEXTS | TRICKY, min_size=len(columns), max_size=len(columns))
    return columns, draw(st.lists(row, min_size=min_rows, max_size=6))


def assert_comes_back(path, content, columns, rows):
    path.write_bytes(content)
    frame = read_table(path)
    assert list(frame) == columns
    assert [list(row) for row in frame.itertuples(index=False, name=None)] == rows


@settings(max_examples=200, deadline=None)
@given(
    tables(min_rows=0),
    st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL), ("\r", csv.QUOTE_ALL)]),
    st.sampled_from([("csv", ","), ("tsv", "\t")]),
    st.booleans(),
    st.booleans(),
)
def test_any_table_comes_back_from_csv(folder, table, dialect, kind, marked, packed):
    columns, rows = table
    assume(len(columns) > 1 or not set(",;\t") & set(columns[0]))  # Such a header may have another separator; no table has one column.
    (end, quoting), (suffix, delimiter) = dialect, kind
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows([columns, *rows])
    content = BOM * marked + text.getvalue().encode()
    if packed:
        assert_comes_back(folder / f"t.{suffix}.gz", gzip.compress(content, 1), columns, rows)
    else:
        assert_comes_back(folder / f"t.{suffix}", content, columns, rows)


@settings(max_examples=200, deadline=None)
@given(tables(min_rows=1), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans(), st.booleans())
def test_any_table_comes_back_from_json_lines(folder, table, end, escaped, marked, packed):
    columns, rows = table
    lines = [json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=escaped) for row in rows]
    content = BOM * marked + end.join(lines).encode()
    if packed:
        assert_comes_back(folder / "t.jsonl.gz", gzip.compress(content, 1), columns, rows)
    else:
        assert_comes_back(folder / "t.jsonl", content, columns, rows)


@settings(max_examples=100, deadline=None)
@given(tables(min_rows=0), st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]))
def test_any_table_comes_back_from_parquet(folder, table, kind):
    columns, rows = table
    arrays = [pa.array([row[place] for row in rows], pa.string()).cast(kind) for place in range(len(columns))]
    assert_comes_back(folder / "t.parquet", parquet(pa.table(arrays, names=columns)), columns, rows)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXTS, TEXTS, max_size=5), st.booleans(), st.sampled_from([None, 2]), st.booleans())
def test_any_object_of_texts_comes_back_from_json(folder, mapping, escaped, indent, marked):
    path = folder / "t.json"
    path.write_bytes(BOM * marked + json.dumps(mapping, ensure_ascii=escaped, indent=indent).encode())
    assert list(read_json(path).items()) == list(mapping.items())
