"""Parquet columns become text, or are refused in one sentence that quotes nothing of them."""

import datetime
import decimal
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.corpus.raw_files import CANARY, cells, parquet

from psy_agents.corpus.config import PostColumns
from psy_agents.corpus.reading import parquet as module
from psy_agents.corpus.reading.checks import check_posts
from psy_agents.corpus.reading.rows import read_rows
from psy_agents.errors import UserError


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array(["a", None, "ü"]), ["a", "", "ü"]),
        (pa.array(["a", None, "ü"]).dictionary_encode(), ["a", "", "ü"]),
        (pa.array([b"a", None, "ü".encode()]), ["a", "", "ü"]),
        (pa.array([1, None, -(2**63)]), ["1", "", "-9223372036854775808"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([1.0, None, 0.0]), ["1", "", "0"]),
        (pa.array([1.0, float("nan"), 0.0]), ["1", "", "0"]),
        (pa.array([1.0, 0.0]), ["1.0", "0.0"]),
        (pa.array([0.1, None, 1.0]), ["0.1", "", "1.0"]),
        (pa.array([1e300, None]), ["1e+300", ""]),
        (pa.array([float("inf"), None]), ["inf", ""]),
        (pa.array([0.1], pa.float32()), ["0.1"]),
        (pa.array([True, None, False]), ["true", "", "false"]),
        (pa.array([None, None]), ["", ""]),
        (pa.array([decimal.Decimal("1.50")]), ["1.50"]),
        (pa.array([datetime.date(2020, 1, 2)]), ["2020-01-02"]),
        (pa.array([datetime.time(1, 2, 3)]), ["01:02:03.000000"]),
        (pa.array([datetime.datetime(2020, 1, 2, 3, 4), None], pa.timestamp("ms")), ["2020-01-02T03:04:00.000", ""]),
        (pa.array([datetime.datetime(2020, 1, 2, 3)], pa.timestamp("ms", "Asia/Tokyo")), ["2020-01-02T03:00:00.000Z"]),
    ],
)
def test_parquet_columns_of_any_plain_type_become_text(read, values, texts):
    assert read("f.parquet", parquet(pa.table({"x": values})))["x"].tolist() == texts


def test_a_frame_that_pandas_saved_with_gaps_and_an_index_comes_back_as_text(read):
    frame = pd.DataFrame({"post_id": [10, 12, 11], "status": [1, np.nan, 0]}).set_index("post_id")
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    assert cells(read("f.parquet", buffer.getvalue())) == {"status": ["1", "", "0"], "post_id": ["10", "12", "11"]}


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "cannot be read as Parquet"),
        (b"a,b\n1,zebra-canary\n", "cannot be read as Parquet"),
        (parquet(pa.table({"a": [CANARY]}))[:-20], "cannot be read as Parquet"),
        (parquet(pa.table({"a": ["x", "zebra-canary \0"]})), "column 1 of 1: there is a NUL character (row 2)"),
        (parquet(pa.table([["x"], [CANARY]], names=[CANARY, CANARY])), "columns 1 and 2 have the same name"),
    ],
)
def test_parquet_that_is_broken_or_not_plain_is_refused(refusal, content, part):
    assert part in refusal("f.parquet", content)


@pytest.mark.parametrize("place", [0, 1])
def test_a_name_that_is_damaged_in_the_schema_or_in_a_part_is_read_or_refused(read, place):
    parts = parquet(pa.table({"post_id": ["p1", "p1"], "text": ["one", "one"]})).split(b"post_id")
    assert len(parts) == 3
    names = [b"post_id", b"post_id"]
    names[place] = b"pXst_id"
    content = parts[0] + names[0] + parts[1] + names[1] + parts[2]
    try:
        found = read("posts.parquet", content)
    except UserError as error:
        assert str(error).startswith("posts.parquet: the file cannot be read as Parquet")
    else:
        assert found["text"].tolist() == ["one", "one"]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([[CANARY]], "its cells are lists, objects or durations"),
        ([{CANARY: 1}], "its cells are lists, objects or durations"),
        ([datetime.timedelta(1)], "its cells are lists, objects or durations"),
        ([b"zebra-canary \xe9"], "its bytes are not UTF-8"),
    ],
)
def test_a_column_without_a_form_as_text_is_refused_only_where_it_is_read(read, values, problem):
    table = read("f.parquet", parquet(pa.table({"post_id": ["a"], "text": ["b"], "odd": values})))
    assert check_posts(table, "f").to_dict("list") == {"post_id": ["a"], "text": ["b"]}
    with pytest.raises(UserError, match=f"^f: column odd, 1 of 1 rows: {problem}: write them as text"):
        check_posts(table, "f", PostColumns(text="odd"))


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}])
def test_cells_held_once_and_repeated_are_refused_where_they_would_fill_the_memory(read, refusal, monkeypatch, tmp_path, options):
    monkeypatch.setattr(module, "BOMB_BYTES", 2**16)
    for rows, refused in ((100, False), (10_000, True)):
        table = pa.table({"post_id": [1] * rows, "text": [f"{CANARY} {'x' * 500}"] * rows})
        content = parquet(table, compression="zstd", data_page_size=2**20, **options)
        if refused:
            assert len(content) < 2**14 and "unpacks to far more rows or bytes than it has itself" in refusal("f.parquet", content)
            with pytest.raises(UserError, match="unpacks to far more"):
                list(read_rows(tmp_path / "f.parquet", ["text"], "f", "predict.columns"))
        else:
            assert read("f.parquet", content)["text"].nunique() == 1


@pytest.mark.parametrize("use_dictionary", [False, True])
def test_parquet_text_that_is_not_utf_8_is_refused(refusal, use_dictionary):
    raw = parquet(pa.table({"a": [f"{CANARY} é"]}), compression="none", use_dictionary=use_dictionary, write_statistics=False)
    assert "with its text in UTF-8" in refusal("f.parquet", raw.replace("é".encode(), b"\xe9\xe9"))
