"""Parquet columns become text, or are refused in one sentence that quotes nothing of them."""

import datetime
import decimal
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.corpus.raw_files import CANARY, cells, parquet


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
        (parquet(pa.table({"a": [1], "b": [[CANARY]]})), "column 2 of 2: its cells are lists, objects or durations"),
        (parquet(pa.table({"a": [{CANARY: 1}]})), "column 1 of 1: its cells are lists, objects or durations"),
        (parquet(pa.table({"a": [datetime.timedelta(1)]})), "column 1 of 1: its cells are lists, objects or durations"),
        (parquet(pa.table({"a": [b"zebra-canary \xe9"]})), "column 1 of 1: its bytes are not UTF-8"),
        (parquet(pa.table({"a": ["x", "zebra-canary \0"]})), "column 1 of 1: there is a NUL character (row 2)"),
        (parquet(pa.table([["x"], [CANARY]], names=[CANARY, CANARY])), "columns 1 and 2 have the same name"),
    ],
)
def test_parquet_that_is_broken_or_not_plain_is_refused(refusal, content, part):
    assert part in refusal("f.parquet", content)


def test_parquet_text_that_is_not_utf_8_is_refused(refusal):
    raw = parquet(pa.table({"a": [f"{CANARY} é"]}), compression="none", use_dictionary=False, write_statistics=False)
    assert "with its text in UTF-8" in refusal("f.parquet", raw.replace("é".encode(), b"\xe9\xe9"))
