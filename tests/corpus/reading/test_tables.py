"""Raw files come out to the letter, or are refused in one sentence that quotes nothing of them."""

import gzip
import json
import os

import pytest
from support.corpus.raw_files import BOM, cells

from psy_agents.corpus.reading.frames import UNREADABLE
from psy_agents.corpus.reading.tables import MOST_KEYS, read_json, read_table
from psy_agents.errors import UserError


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


def test_the_suffix_may_be_in_capitals(read):
    assert cells(read("F.CSV.GZ", gzip.compress(b"a\n1\n"))) == {"a": ["1"]}


def test_messages_use_the_given_name_of_the_file(tmp_path):
    (tmp_path / "f.csv").write_bytes(b"")
    with pytest.raises(UserError, match="^data/f.csv: the file is empty"):
        read_table(tmp_path / "f.csv", "data/f.csv")


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


@pytest.mark.parametrize("name", ["f.xlsx", "f.json.csv.zip", "f", "f.csv.bz2", "f.parquet.gz", ".csv"])
def test_another_suffix_is_refused_with_the_ones_there_are(refusal, name):
    message = refusal(name, b"a\n1\n")
    assert all(suffix in message for suffix in (".csv", ".tsv", ".jsonl", ".gz", ".parquet"))


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
        ('{"a": "x"}\n{"a": "zebra-canary"}\n', ["line 2", "another value follows", ".jsonl"]),
        ('["zebra-canary"]', ["entry 1", "no JSON object"]),
        ('[{"a": "x"}, {"a": "zebra-canary", "a": "y"}]', ["entry 2", "keys 1 and 2 have the same name"]),
        ('"zebra-canary"', ["no object"]),
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


def test_an_array_of_objects_is_a_table(read):
    table = read("f.json", '[{"a": "x", "b": 1.0, "c": {"d": [1]}},\n {"b": true, "a": null}]')
    assert table[["a", "b"]].to_dict("list") == {"a": ["x", ""], "b": ["1.0", "true"]}
    assert table["c"].str.startswith(UNREADABLE).tolist() == [True, False]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ('id;text\n1;"a;b, c"\n', {"id": ["1"], "text": ["a;b, c"]}),
        ('"id";"text, all"\n1;x\n', {"id": ["1"], "text, all": ["x"]}),
        ('id\ttext\n1\ta, b\n', {"id": ["1"], "text": ["a, b"]}),
        ('sep=;\nid;text,more\n1;x\n', {"id": ["1"], "text,more": ["x"]}),
        ("sep=\t\r\nid\ttext;a,b\r\n1\tx\r\n", {"id": ["1"], "text;a,b": ["x"]}),
        ('"SEP=,"\r\nid,text;more\r\n1,x\r\n', {"id": ["1"], "text;more": ["x"]}),
        ("id;x,text\n1,2\n", {"id;x": ["1"], "text": ["2"]}),  # A comma is what the suffix says.
        ("id\n1\n", {"id": ["1"]}),
    ],
)
def test_the_separator_is_that_of_excels_first_line_or_the_only_one_of_the_header(read, content, columns):
    assert read("f.csv", content).to_dict("list") == columns


def test_a_line_that_names_the_separator_does_not_shift_the_numbers_of_lines(refusal):
    assert "line 3 with 3" in refusal("f.csv", "sep=;\nid;text\n1;zebra;canary\n")


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl", "f.json", "f.csv.gz", "f.parquet"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match=f"^{name}: this is no file, but a pipe"):
        (read_json if name.endswith(".json") else read_table)(tmp_path / name)


def test_integers_of_any_length_are_no_text_and_no_crash(read):
    assert not isinstance(read("f.json", '{"a": ' + "9" * 5000 + "}")["a"], str)
    assert read("f.jsonl", '{"a": ' + "9" * 5000 + "}")["a"].tolist() == ["9" * 5000]
