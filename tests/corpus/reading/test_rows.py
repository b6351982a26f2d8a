"""Rows one after another are those of the table read at once."""

from __future__ import annotations

import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from psy_agents.corpus.reading.rows import read_rows
from psy_agents.corpus.reading.tables import read_table
from psy_agents.errors import UserError

TABLES = {
    "it.csv": b'\xef\xbb\xbfa,"b",c\r\n1,"x\r\ny, ""z""",\r\n\r\n2,\xc3\xa4 ,3\r\n',
    "it.tsv": b"c\ta\tb\nNA\t01\t null\n",
    "it.jsonl": b'{"b": "x", "a": 1.50}\n\n{"a": null, "c": true}\n{"c": "y", "b": "\\u00e4", "a": "z"}\n',
}


def both(path, columns):
    whole = read_table(path)
    return list(read_rows(path, columns, path.name, "some.columns")), list(whole[list(columns)].itertuples(index=False, name=None))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("columns", [("a", "b"), ("c", "a")])
def test_text_files_give_the_same_cells(tmp_path, name, columns):
    (tmp_path / name).write_bytes(TABLES[name])
    rows, expected = both(tmp_path / name, columns)
    assert rows == expected and len(rows) > 0


def test_parquet_gives_the_same_cells_over_all_row_groups(tmp_path):
    table = pa.table(
        {
            "text": pa.array([f"text {i}" if i % 7 else None for i in range(300)]),
            "id": list(range(300)),
            "kind": pa.array(["a", "b", None] * 100).dictionary_encode(),
            "day": [datetime.datetime(2026, 1, 1, 12)] * 300,
        }
    )
    pq.write_table(table, tmp_path / "it.parquet", row_group_size=90)
    rows, expected = both(tmp_path / "it.parquet", ("id", "text", "kind", "day"))
    assert rows == expected and rows[1] == ("1", "text 1", "b", "2026-01-01T12:00:00.000000")


def test_a_column_that_no_row_has_is_named_with_the_setting(tmp_path):
    for name, content in TABLES.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"^{name}: there is no column d among its 3 columns: .*under some\.columns"):
            list(read_rows(tmp_path / name, ("a", "d"), name, "some.columns"))


def test_a_nested_cell_is_refused_only_in_a_column_that_is_read(tmp_path):
    (tmp_path / "it.jsonl").write_text('{"id": 1, "text": "x", "meta": {"a": ["canary"]}}\n')
    assert list(read_rows(tmp_path / "it.jsonl", ("id", "text"), "it.jsonl", "some.columns")) == [("1", "x")]
    with pytest.raises(UserError, match=r"^it\.jsonl, column meta: its cells are lists or objects"):
        list(read_rows(tmp_path / "it.jsonl", ("id", "meta"), "it.jsonl", "some.columns"))


def test_rows_have_the_separators_of_tables(tmp_path):
    (tmp_path / "it.csv").write_text("sep=;\nid;text\n1;a, b\n")
    assert list(read_rows(tmp_path / "it.csv", ("id", "text"), "it.csv", "some.columns")) == [("1", "a, b")]


def test_cells_that_are_no_text_and_nul_characters_are_refused(tmp_path):
    for cells, problem in (([["x"]], "lists, objects or durations"), (["canary\0"], "NUL character")):
        pd.DataFrame({"id": ["1"], "text": cells}).to_parquet(tmp_path / "it.parquet")
        with pytest.raises(UserError, match=problem) as caught:
            list(read_rows(tmp_path / "it.parquet", ("id", "text"), "it.parquet", "some.columns"))
        assert "canary" not in str(caught.value)
