"""A file of new posts is refused in one sentence, or read as it is."""

from __future__ import annotations

import csv
import gzip
import json

import numpy as np
import pandas as pd
import pytest

from psy_agents.errors import UserError
from psy_agents.inference.posts import Post, _repeats, check_posts_file, chunks, read_posts

CANARY = "zanzibarcanary"
POSTS = [("a", f"One {CANARY}."), ("b", 'Two,\n"quoted" \u2028 lines'), ("007", "  spaces stay "), ("d", "1.0")]


def write(path, rows, columns=("post_id", "text")):
    frame = pd.DataFrame(rows, columns=list(columns), dtype="str")
    match path.name.partition(".")[2]:
        case "parquet":
            frame.to_parquet(path, row_group_size=3)
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))
        case "csv.gz":
            path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
        case suffix:
            frame.to_csv(path, index=False, sep="\t" if suffix == "tsv" else ",", quoting=csv.QUOTE_ALL)


@pytest.fixture
def refusal(config):
    def message_of(*args, **changes):
        with pytest.raises(UserError) as caught:
            check_posts_file(config(*args, **changes))
        message = str(caught.value)
        assert message.endswith(".") and "\n" not in message and CANARY not in message
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        return message

    return message_of


@pytest.mark.parametrize("name", ["posts.csv", "posts.tsv", "posts.csv.gz", "posts.jsonl", "posts.parquet"])
def test_every_format_gives_the_posts_to_the_letter(tmp_path, config, name):
    write(tmp_path / name, POSTS)
    assert list(read_posts(config(name))) == [Post(*row) for row in POSTS]
    checked = check_posts_file(config(name))
    assert (checked.posts, checked.blank) == (4, 0) and len(checked.sha256) == 64


def test_columns_may_have_other_names_and_any_order_among_others(tmp_path, config):
    write(tmp_path / "posts.csv", [("x", "hello", " 1 ")], ("more", "body", "doc"))
    assert list(read_posts(config(columns={"post_id": "doc", "text": "body"}))) == [Post("1", "hello")]


def test_only_the_requested_number_of_rows_is_read(tmp_path, config):
    write(tmp_path / "posts.csv", [*POSTS, ("a", "repeated")])
    assert check_posts_file(config(max_posts=4)).posts == 4


@pytest.mark.parametrize("name", ["posts.csv", "posts.jsonl", "posts.parquet"])
def test_a_missing_column_is_named_and_those_of_the_file_are_not(tmp_path, refusal, name):
    write(tmp_path / name, [("1", CANARY)], ("post_id", CANARY))
    assert refusal(name).startswith(f"{name}: there is no column text among its 2 columns: ")


def test_blank_texts_are_counted_with_their_first_rows_and_may_be_set_aside(tmp_path, config, refusal):
    rows = [(str(i), "\u200b" * (i % 4 == 1) if i % 2 else f"{CANARY} {i}") for i in range(20)]
    write(tmp_path / "posts.csv", rows)
    assert "column text is blank in 10 of 20 rows (counted below the header: 2, 4, 6, 8, 10 and more)" in refusal()
    checked = check_posts_file(config(blank_texts="set_aside"))
    assert (checked.posts, checked.blank) == (10, 10)
    (chunk,) = chunks(read_posts(config()), 100, 10_000)
    assert [post.post_id for post in chunk] == [str(i) for i in range(0, 20, 2)]
    write(tmp_path / "posts.csv", [("1", " "), ("2", "\t")])
    assert "blank in all 2 rows" in refusal(blank_texts="set_aside")


@pytest.mark.parametrize("name", ["posts.csv", "posts.jsonl", "posts.parquet"])
def test_repeated_and_blank_ids_are_refused_by_their_rows(tmp_path, refusal, name):
    write(tmp_path / name, [("a", "1"), ("b", "2"), (" a", "3"), ("b", "4")])
    assert "2 of 4 rows repeat a post_id of an earlier row, first row 3" in refusal(name)
    write(tmp_path / name, [("a", "1"), ("", "2")])
    assert "column post_id is blank in 1 of 2 rows (counted below the header: 2)" in refusal(name)


@pytest.mark.parametrize("together", [1, 7, 499, 500, 2**16])
def test_repeats_are_found_wherever_they_stand(monkeypatch, together):
    monkeypatch.setattr("psy_agents.inference.posts.SORTED_ROWS", together)
    random = np.random.default_rng(0)
    values = random.integers(0, 200, 500).astype(np.uint64)
    hashes = np.stack([values // 7, values], axis=1)
    seen, expected = set(), []
    for i, value in enumerate(values.tolist()):
        if value in seen:
            expected.append(i)
        seen.add(value)
    assert sorted(_repeats(hashes).tolist()) == expected


def test_a_post_that_is_too_long_is_refused_with_its_length(tmp_path, refusal):
    write(tmp_path / "posts.csv", [("a", "short"), ("b", CANARY * 10)])
    assert "more than 100 characters in 1 of 2 rows (counted below the header: 2), 140 at the most" in refusal(longest_post=100)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("posts.csv", b"", "the file is empty"),
        ("posts.jsonl", b"", "the file is empty"),
        ("posts.csv", b"post_id,text\n", "no rows"),
        ("posts.csv", b"post_id,text\n1,caf\xe9\n", "line 2: byte 19 of the file (0xe9) is not UTF-8"),
        ("posts.csv", f'post_id,text\n1,"{CANARY}\n'.encode(), "a quote that is never closed"),
        ("posts.csv", f"post_id,text\n1,a\n2,{CANARY},more\n".encode(), "1 of 2 rows have more or fewer cells"),
        ("posts.jsonl", f'{{"post_id": "1", "text": "{CANARY}"\n'.encode(), "line 1: this is not JSON"),
        ("posts.parquet", f"PAR1 {CANARY}".encode(), "cannot be read as Parquet"),
        ("posts.csv.gz", f"post_id,text\n1,{CANARY}\n".encode(), "the file is not gzip"),
        ("posts.txt", f"post_id,text\n1,{CANARY}\n".encode(), "the suffix does not say"),
    ],
)
def test_a_damaged_file_is_refused_without_a_word_of_it(tmp_path, refusal, name, content, problem):
    (tmp_path / name).write_bytes(content)
    message = refusal(name)
    assert message.startswith(name) and problem in message


def test_a_missing_file_is_reported_with_the_parameter_that_names_it(refusal):
    assert refusal() == "posts.csv is missing: put the posts there, or name their file in predict.posts."


def test_chunks_depend_on_both_limits_and_lose_no_post():
    posts = [Post(str(i), "x" * length) for i, length in enumerate([5, 5, 5, 5, 30, 1, 1, 1, 1, 9, 2])]
    cut = [[len(post.text) for post in chunk] for chunk in chunks(posts, 3, 12)]
    assert cut == [[5, 5], [5, 5], [30], [1, 1, 1], [1, 9, 2]]
