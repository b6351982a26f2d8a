"""Raw files come out to the letter, or are refused in one sentence that quotes nothing of them."""

import csv
import datetime
import decimal
import gzip
import io
import json
import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psy_agents.corpus.reading.tables import MOST_KEYS, read_json, read_table
from psy_agents.errors import UserError

CANARY = "zebra-canary"
BOM = b"\xef\xbb\xbf"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.fixture
def read(tmp_path):
    """Writes a file and reads it."""

    def written_and_read(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_json(path) if name.endswith(".json") else read_table(path)

    return written_and_read


@pytest.fixture
def refusal(read):
    """Writes a file that is refused, and gives the sentence."""

    def message_of(name, content):
        with pytest.raises(UserError) as error:
            read(name, content)
        return one_sentence(error.value, name)

    return message_of


def one_sentence(error, name):
    message = str(error)
    assert message.startswith(name)
    assert message.endswith(".") and "\n" not in message
    assert CANARY not in message
    assert error.__suppress_context__ or error.__context__ is None, "a traceback may quote the file"
    return message


def cells(frame):
    return {column: frame[column].tolist() for column in frame}


def parquet(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


# What is read


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", BOM])
def test_line_ends_and_a_byte_order_mark_are_none_of_the_cells(read, end, mark):
    rows = ["", "post_id,text", "", 'a,"x, ""y"""', "", "b,", ""]
    frame = read("f.csv", mark + end.join(rows).encode())
    assert cells(frame) == {"post_id": ["a", "b"], "text": ['x, "y"', ""]}


def test_line_breaks_within_a_cell_stay_as_they_are(read):
    frame = read("f.csv", 'id,text\r\n1,"a\r\nb\nc\rd\u2028e\r\n\r\n"\r\n')
    assert frame["text"].tolist() == ["a\r\nb\nc\rd\u2028e\r\n\r\n"]


def test_no_cell_is_taken_for_a_number_or_for_missing(read):
    frame = read("f.csv", "a,b,c\nNA,007,1.0\nnull, x ,nan\n")
    assert cells(frame) == {"a": ["NA", "null"], "b": ["007", " x "], "c": ["1.0", "nan"]}
    assert all(dtype == "str" for dtype in frame.dtypes)


def test_a_cell_of_many_megabytes_is_read(read):
    text = "x" * 12_000_000 + "😀"
    assert read("f.csv", f"id,text\n1,{text}\n2,y\n")["text"].tolist() == [text, "y"]
    assert read("f.jsonl", json.dumps({"text": text}))["text"].tolist() == [text]


def test_rows_beyond_one_batch_keep_their_order(read):
    rows = [(str(number), "x" * 1000) for number in range(20_000)]
    frame = read("f.csv", "id,text\n" + "".join(f"{a},{b}\n" for a, b in rows))
    assert list(zip(frame["id"], frame["text"], strict=True)) == rows


def test_a_header_alone_is_a_table_without_rows(read):
    frame = read("f.csv", "post_id,text\n")
    assert list(frame) == ["post_id", "text"]
    assert len(frame) == 0


def test_one_column_without_a_name_is_read_as_pandas_writes_its_index(read):
    assert cells(read("f.csv", ",text\n0,x\n")) == {"": ["0"], "text": ["x"]}


def test_tabs_separate_the_cells_of_tsv(read):
    assert cells(read("f.tsv", 'id\ttext\n1\t"a\tb"\n2\tc, d\n')) == {"id": ["1", "2"], "text": ["a\tb", "c, d"]}


def test_json_lines_give_numbers_as_written_and_words_for_true_and_false(read):
    frame = read("f.jsonl", '{"a": 12, "b": 1.0, "c": 1e5}\n{"a": 123456789012345678901234567890, "b": true, "c": false}')
    assert cells(frame) == {"a": ["12", "123456789012345678901234567890"], "b": ["1.0", "true"], "c": ["1e5", "false"]}


def test_keys_that_a_json_line_lacks_are_blank_and_columns_stand_as_they_first_appear(read):
    frame = read("f.jsonl", '{"b": "1"}\n\n{"a": "2", "b": null}\r\n{"a": "\\ud83d\\ude00\u2028"}\n')
    assert list(frame) == ["b", "a"]
    assert cells(frame) == {"b": ["1", "", ""], "a": ["", "2", "😀\u2028"]}


def test_a_key_that_appears_in_a_later_batch_is_blank_in_the_earlier(read):
    lines = [json.dumps({"a": "x" * 1000}) for _ in range(20_000)] + ['{"b": "y"}']
    frame = read("f.jsonl", "\n".join(lines))
    assert frame["b"].tolist() == [""] * 20_000 + ["y"]
    assert frame["a"].iloc[-1] == ""


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


def test_the_suffix_may_be_in_capitals(read):
    assert cells(read("F.CSV.GZ", gzip.compress(b"a\n1\n"))) == {"a": ["1"]}


def test_a_missing_file_is_left_to_the_caller(tmp_path):
    for name in ("f.csv", "f.csv.gz", "f.parquet", "f.jsonl"):
        with pytest.raises(FileNotFoundError):
            read_table(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "f.json")


def test_messages_call_the_file_as_they_are_told(tmp_path):
    (tmp_path / "f.csv").write_bytes(b"")
    with pytest.raises(UserError, match="^data/f.csv: the file is empty"):
        read_table(tmp_path / "f.csv", "data/f.csv")


# What is refused


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["empty"]),
        (BOM + b"\r\n\n", ["empty"]),
        (b'a,b\n1,2\n\n3,"zebra-canary\n4,5\n', ["line 4", "never closed"]),
        (b'a,b\n1,"x"\n3,"zebra\ncanary" zebra-canary\n', ["line 4", "follows a closing quote"]),
        (b'a,b\n1,"x\ny"\nzebra-canary\n1,2\n1,2,3\n', ["2 of 4 rows", "header's 2", "line 4 with 1"]),
        (b"a,b\n1,2\nzebra-canary,2,\n", ["1 of 2 rows", "line 3 with 3"]),
        (b"zebra-canary,x,zebra-canary\n1,2,3\n", ["columns 1 and 3 have the same name"]),
        (b"a,b,,\n1,2,,\n", ["columns 3 and 4 have the same name"]),
        (b"a,b\n1,zebra-canary\0\n", ["line 2", "NUL"]),
        ("a,b\n1,zebra-canary\n".encode("utf-16"), ["in UTF-16: save it as UTF-8"]),
        (b"\xfe\xff" + "a,b\n".encode("utf-16-be"), ["in UTF-16: save it as UTF-8"]),
        ("a,b\n1,zebra-canary\n".encode("utf-32"), ["in UTF-32: save it as UTF-8"]),
        (b"\x00\x00\xfe\xff" + "a,b\n".encode("utf-32-be"), ["in UTF-32: save it as UTF-8"]),
        ("a,b\n1,zebra-canary\n".encode("utf-16-le"), ["line 1", "NUL", "UTF-16"]),
        ("a,b\r\n1,2\r\n1,caf\u00e9 zebra-canary\r\n".encode("latin-1"), ["line 3", "byte 16", "0xe9", "save it as UTF-8"]),
        ("a,b\r1,2\r1,caf\u00e9\r".encode("latin-1"), ["line 3", "byte 14", "0xe9"]),
        ("a,b\n1,\u201czebra-canary\n".encode("cp1252"), ["line 2", "byte 7", "0x93"]),
        ("a,b\n1,zebra-canary \u00e9".encode()[:-1], ["line 2", "byte 20", "0xc3"]),
        (b"a,b\n1,\xed\xa0\x80\n", ["line 2", "byte 7", "0xed"]),
    ],
)
def test_csv_that_is_not_plainly_one_table_in_utf_8_is_refused(refusal, content, parts):
    message = refusal("f.csv", content)
    assert all(part in message for part in parts), message
    packed = refusal("f.csv.gz", gzip.compress(content))
    assert packed.removeprefix("f.csv.gz") == message.removeprefix("f.csv")


def test_a_wrong_byte_far_into_a_file_is_found_at_its_place(refusal):
    before = "id,text\n" + "".join(f"{number},“zebra-canary” 😀\r\n" for number in range(5000))
    message = refusal("f.csv", before.encode() + b"x,\xff")
    assert f"line 5002: byte {len(before.encode()) + 3} of the file (0xff)" in message


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["empty"]),
        (" \n\r\n", ["empty"]),
        ('{"a": "x"}\n{"a": "zebra-canary"\n', ["line 2", "not JSON"]),
        ('{"a": "x"} {"a": "zebra-canary"}\n', ["line 1", "not JSON"]),
        ('{"a": "zebra-canary", "b": NaN}\n', ["line 1", "not JSON"]),
        ("{'a': 'zebra-canary'}", ["line 1", "not JSON"]),
        ("[" * 100_000, ["line 1", "not JSON"]),
        ('{"a": "x"}\n\n["zebra-canary"]\n', ["line 3", "no JSON object"]),
        ('"zebra-canary"', ["line 1", "no JSON object"]),
        ("{}", ["line 1", "no JSON object with keys"]),
        ('{"zebra-canary": "x", "b": "y", "zebra\\u002dcanary": "x"}', ["line 1", "keys 1 and 3 have the same name"]),
        ('{"a": "x", "b": ["zebra-canary"]}', ["line 1", "key 2 is a list or an object"]),
        ('{"a": {"b": "zebra-canary"}}', ["line 1", "key 1 is a list or an object"]),
        ('{"a": "x"}\n{"a": "zebra-canary \\ud83d"}', ["line 2", "half a surrogate pair"]),
        ('{"zebra-canary \\uDE00": "x"}', ["line 1", "half a surrogate pair"]),
        ('{"a": "zebra-canary \\u0000"}', ["line 1", "NUL"]),
        ('{"a": "x"}\n{"a": "zebra-canary\0"}', ["line 2", "NUL"]),
        ('{"a": "x"}\n{"a": "café"}'.encode("latin-1"), ["line 2", "byte 22", "0xe9"]),
        ("\n".join(f'{{"{number}": "zebra-canary"}}' for number in range(2 * MOST_KEYS)), ["1001 different keys"]),
    ],
)
def test_json_lines_that_are_no_table_are_refused(refusal, content, parts):
    message = refusal("f.jsonl", content)
    assert all(part in message for part in parts), message


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


@pytest.mark.parametrize("damage", [lambda raw: raw[:-9], lambda raw: b"a,b\n1,2\n", lambda raw: raw[:40] + raw[50:]])
def test_gzip_that_is_none_or_cut_off_or_damaged_is_refused(refusal, damage):
    raw = gzip.compress(b"a,b\n" + bytes(random.Random(0).choices(b"abc, \n", k=5000)))
    for name in ("f.csv.gz", "f.tsv.gz", "f.jsonl.gz"):
        assert "not gzip, or cut off or damaged" in refusal(name, damage(raw))


def test_damaged_gzip_is_not_blamed_on_the_encoding(refusal):
    raw = gzip.compress(b"a,b\n1,\xff\n")
    assert "not gzip, or cut off or damaged" in refusal("f.csv.gz", raw[:-8] + bytes(8))


@pytest.mark.parametrize("name", ["f.xlsx", "f.json.csv.zip", "f", "f.csv.bz2", "f.parquet.gz", ".csv"])
def test_another_suffix_is_refused_with_the_ones_there_are(refusal, name):
    message = refusal(name, b"a\n1\n")
    assert all(suffix in message for suffix in (".csv", ".tsv", ".jsonl", ".gz", ".parquet"))


def test_a_folder_is_refused(tmp_path):
    for name in ("f.csv", "f.csv.gz", "f.parquet", "f.json"):
        (tmp_path / name).mkdir()
        with pytest.raises(UserError, match="this is a folder") as error:
            (read_json if name == "f.json" else read_table)(tmp_path / name)
        one_sentence(error.value, name)


@pytest.mark.parametrize(
    ("error", "part"),
    [(PermissionError(13, "Permission denied"), "may not be read"), (OSError(5, "Input/output error"), "Input/output error")],
)
def test_a_file_that_the_system_does_not_give_is_refused(tmp_path, monkeypatch, error, part):
    def deny(*_args, **_options):
        raise error

    for name in ("f.csv", "f.parquet", "f.jsonl"):
        (tmp_path / name).write_bytes(b"a\n1\n")
        monkeypatch.setattr("pathlib.Path.open", deny)
        with pytest.raises(UserError, match=part) as caught:
            read_table(tmp_path / name)
        monkeypatch.undo()
        one_sentence(caught.value, name)


# JSON objects


def test_criteria_keep_their_order_and_their_text(read):
    content = BOM + '{"z": "one\\n“two”",\r\n "a": 3, "b": null, "c": {"d": 1}, "d": NaN}'.encode()
    criteria = read("f.json", content)
    assert list(criteria) == ["z", "a", "b", "c", "d"]
    assert criteria["z"] == "one\n“two”"
    assert not any(isinstance(criteria[key], str) for key in "abcd")


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["line 1", "not JSON"]),
        ('{"a": "x",\r\n\r\n"b": zebra-canary}', ["line 3", "not JSON"]),
        ('{"a": "x",\r\r"b": "zebra-canary"', ["line 3", "not JSON"]),
        ("[" * 100_000, ["nested too deeply"]),
        ('["zebra-canary"]', ["no object"]),
        ('{"a": "x", "zebra-canary": "y", "zebra-canary": "y"}', ["keys 2 and 3 have the same name"]),
        ('{"a": "x", "b": "zebra-canary \\udc00"}', ["key 2", "half a surrogate pair"]),
        ('{"a": "x\0"}', ["line 1", "NUL"]),
        ('{"a":\n "zebra-canary é"}'.encode("latin-1"), ["line 2", "byte 22", "0xe9"]),
        ('{"a": "x"}'.encode("utf-16"), ["in UTF-16"]),
    ],
)
def test_json_that_is_no_object_of_different_keys_is_refused(refusal, content, parts):
    message = refusal("f.json", content)
    assert all(part in message for part in parts), message


def test_integers_of_any_length_are_no_text_and_no_crash(read):
    assert not isinstance(read("f.json", '{"a": ' + "9" * 5000 + "}")["a"], str)
    assert read("f.jsonl", '{"a": ' + "9" * 5000 + "}")["a"].tolist() == ["9" * 5000]


# Any table comes back

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


# No damage does worse than a refusal

ROWS = [
    {"post_id": f"p{number}", "text": f'{CANARY}, "{CANARY}"\r\n“{CANARY}” 😀', "status": str(number % 2)}
    for number in range(8)
]


def as_csv(delimiter):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(ROWS[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


VALID = {
    "d.csv": as_csv(","),
    "d.tsv": as_csv("\t"),
    "d.jsonl": "\n".join(json.dumps(row, ensure_ascii=number % 2 == 0) for number, row in enumerate(ROWS)).encode(),
    "d.json": json.dumps({row["post_id"]: row["text"] for row in ROWS}, ensure_ascii=False, indent=1).encode(),
    "d.parquet": parquet(pa.table({key: [row[key] for row in ROWS] for key in ROWS[0]})),
    "d2.parquet": parquet(pa.Table.from_pylist(ROWS), compression="none", use_dictionary=False),
}
VALID |= {f"{name}.gz": gzip.compress(VALID[name]) for name in ("d.csv", "d.jsonl")}


def damaged(content, kind, chance):
    at = chance.randrange(len(content) + 1)
    until = at + chance.randint(1, 8)
    match kind:
        case "cut off":
            return content[:at]
        case "without a part":
            return content[:at] + content[until:]
        case "bytes replaced":
            return content[:at] + chance.randbytes(until - at) + content[until:]
        case "a character put in":
            return content[:at] + chance.choice([b"\0", b'"', b"\n", b"\r", b",", b"\t", b"{", b"\xff", BOM]) + content[at:]
        case "another encoding":
            part = content[at : at + 200].decode("utf-8", "ignore")
            return content[:at] + part.encode(chance.choice(["cp1252", "utf-16"]), "ignore") + content[at + 200 :]
        case "lines mixed":
            lines = content.splitlines(keepends=True) or [b""]
            return b"".join(chance.choices(lines, k=len(lines)))
        case "cells mixed":
            cells = content.split(b",")
            return b",".join(chance.sample(cells, len(cells)))
        case _:
            raise ValueError(kind)


KINDS = [
    "cut off",
    "without a part",
    "bytes replaced",
    "a character put in",
    "another encoding",
    "lines mixed",
    "cells mixed",
]


@pytest.mark.parametrize("name", VALID)
@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_damage_of_any_kind_is_read_as_text_or_refused_without_a_word_of_it(folder, name, kinds, chance):
    content = VALID[name]
    for kind in kinds:
        content = damaged(content, kind, chance)
    path = folder / name
    path.write_bytes(content)
    try:
        found = read_json(path) if name == "d.json" else read_table(path)
    except UserError as error:
        one_sentence(error, name)
        return
    if name == "d.json":
        assert isinstance(found, dict)
        return
    assert found.columns.is_unique
    assert all(isinstance(cell, str) and "\0" not in cell for column in found for cell in found[column])


def test_the_files_to_damage_are_read_whole():
    assert all(CANARY.encode() in content for name, content in VALID.items() if not name.endswith((".gz", ".parquet")))
