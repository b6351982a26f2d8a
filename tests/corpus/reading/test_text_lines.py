"""Files of text give their lines, or are refused: line ends, encodings, gzip and what the system says."""

import gzip
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.corpus.raw_files import BOM, cells, one_sentence

from psy_agents.corpus.reading import parquet, tables, text_lines
from psy_agents.corpus.reading.tables import read_json, read_table
from psy_agents.errors import UserError


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", BOM])
def test_line_ends_and_a_byte_order_mark_are_none_of_the_cells(read, end, mark):
    rows = ["", "post_id,text", "", 'a,"x, ""y"""', "", "b,", ""]
    frame = read("f.csv", mark + end.join(rows).encode())
    assert cells(frame) == {"post_id": ["a", "b"], "text": ['x, "y"', ""]}


def test_a_wrong_byte_far_into_a_file_is_found_at_its_place(refusal):
    before = "id,text\n" + "".join(f"{number},“zebra-canary” 😀\r\n" for number in range(5000))
    message = refusal("f.csv", before.encode() + b"x,\xff")
    assert f"line 5002: byte {len(before.encode()) + 3} of the file (0xff)" in message


@pytest.mark.parametrize("damage", [lambda raw: raw[:-9], lambda raw: b"a,b\n1,2\n", lambda raw: raw[:40] + raw[50:]])
def test_gzip_that_is_none_or_cut_off_or_damaged_is_refused(refusal, damage):
    raw = gzip.compress(b"a,b\n" + bytes(random.Random(0).choices(b"abc, \n", k=5000)))
    for name in ("f.csv.gz", "f.tsv.gz", "f.jsonl.gz"):
        assert "not gzip, or cut off or damaged" in refusal(name, damage(raw))


def test_damaged_gzip_is_not_blamed_on_the_encoding(refusal):
    raw = gzip.compress(b"a,b\n1,\xff\n")
    assert "not gzip, or cut off or damaged" in refusal("f.csv.gz", raw[:-8] + bytes(8))


def test_a_file_that_would_fill_the_memory_is_refused(refusal, monkeypatch, tmp_path):
    monkeypatch.setattr(text_lines, "BOMB_BYTES", 2**16)
    monkeypatch.setattr(parquet, "BOMB_BYTES", 2**16)
    for name in ("f.csv.gz", "f.tsv.gz", "f.jsonl.gz"):
        assert "unpacks to more than 200 times its size" in refusal(name, gzip.compress(b"a,b\n" + b"x" * 10**7))
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"post_id": pa.array(["a"]).take(pa.array(np.zeros(3_000_000, dtype=np.int64)))}), file, compression="zstd")
    assert "unpacks to far more rows or bytes than it has itself" in refusal("f.parquet", file.read_bytes())
    assert "line 2: a cell of the row that begins here has more than" in refusal("f.csv", b'a,b\n1,"' + b"x" * (2**24 + 2) + b'"\n')
    monkeypatch.setattr(tables, "LONGEST_LINE", 1000)
    for name, start in (("f.csv", b"a,b\n1,"), ("f.jsonl", b'{"a": "1"}\n{"a": "')):
        assert "line 2: the line has more than 1,000 characters" in refusal(name, start + b"x" * 2000)
    monkeypatch.setattr(text_lines, "LARGEST_VALUE", 1000)
    for content in (b'{"a": "' + b"x" * 2000 + b'"}', b'{"a":\n' + b'"x"\n' * 400 + b"}", b"[" + b" " * 3000 + b"]"):
        assert "the file has more than 1,000 characters, which are read at once" in refusal("f.json", content)


def test_a_missing_file_is_left_to_the_caller(tmp_path):
    for name in ("f.csv", "f.csv.gz", "f.parquet", "f.jsonl"):
        with pytest.raises(FileNotFoundError):
            read_table(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "f.json")


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
