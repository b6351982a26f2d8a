"""Frames of more rows than one batch, and of none."""

import json


def test_rows_beyond_one_batch_keep_their_order(read):
    rows = [(str(number), "x" * 1000) for number in range(20_000)]
    frame = read("f.csv", "id,text\n" + "".join(f"{a},{b}\n" for a, b in rows))
    assert list(zip(frame["id"], frame["text"], strict=True)) == rows


def test_a_key_that_appears_in_a_later_batch_is_blank_in_the_earlier(read):
    lines = [json.dumps({"a": "x" * 1000}) for _ in range(20_000)] + ['{"b": "y"}']
    frame = read("f.jsonl", "\n".join(lines))
    assert frame["b"].tolist() == [""] * 20_000 + ["y"]
    assert frame["a"].iloc[-1] == ""


def test_a_header_alone_is_a_table_without_rows(read):
    frame = read("f.csv", "post_id,text\n")
    assert list(frame) == ["post_id", "text"]
    assert len(frame) == 0
