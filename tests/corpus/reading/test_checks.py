"""What the border refuses, in which words, and what it hands on."""

import pandas as pd
import pytest

from psy_agents.corpus.reading.checks import check_annotations, check_criteria, check_posts, has_text
from psy_agents.corpus.reading.frames import UNREADABLE
from psy_agents.errors import UserError

CANARY = "zebra-canary"


def posts(**columns):
    return pd.DataFrame({"post_id": ["a", "b", "c"], "text": [CANARY, "two", "three"]} | columns)


def annotations(**columns):
    rows = {
        "post_id": ["a", "b"],
        "sentence_id": ["a_0", "b_0"],
        "sentence_text": [CANARY, "two"],
        "DSM5_symptom": ["sleep", "mood"],
        "status": ["1", "0"],
        "explanation": [CANARY, ""],
    }
    return pd.DataFrame(rows | columns)


def refusal(check, table, source="file.csv"):
    with pytest.raises(UserError) as error:
        check(table, source)
    message = str(error.value)
    assert message.startswith(source)
    assert CANARY not in message
    assert message.endswith(".") and "\n" not in message
    return message


def test_posts_keep_their_text_to_the_character_and_lose_other_columns():
    checked = check_posts(posts(text=["  one\n", "two\r\n", "\u200b\ufeff"], post_id=[" a", "b ", "c"], date=["1", "2", "3"]), "f")
    assert checked.to_dict("list") == {"post_id": ["a", "b", "c"], "text": ["  one\n", "two\r\n", "\u200b\ufeff"]}
    assert has_text(checked).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        (posts().drop(columns="text"), ["column text missing", "3 rows"]),
        (posts()[[]].assign(other="x"), ["columns post_id, text missing"]),
        (posts().iloc[:0], ["0 rows"]),
        (posts(post_id=["a", " a", "a"]), ["2 of 3 rows", "repeat a post_id"]),
        (posts(post_id=["a", " ", "c"]), ["column post_id is blank in 1 of 3 rows", "row 2 below the header"]),
        (posts(text=["", " \u2060", "\n"]), ["column text is blank in all 3 rows"]),
    ],
)
def test_posts_that_cannot_be_used_are_refused_in_one_sentence(table, parts):
    message = refusal(check_posts, table)
    assert all(part in message for part in parts), message


def test_annotations_come_out_typed_and_without_the_columns_that_nothing_reads():
    checked = check_annotations(annotations(status=[" 1", "FALSE"]), "f")
    assert list(checked) == ["post_id", "sentence_text", "criterion", "status"]
    assert checked["status"].dtype == "int8"
    assert checked["status"].tolist() == [1, 0]
    bare = annotations().drop(columns=["sentence_id", "explanation"])
    assert check_annotations(bare, "f")["criterion"].tolist() == ["sleep", "mood"]


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        (annotations().drop(columns=["status", "post_id"]), ["columns post_id, status missing", "2 rows"]),
        (annotations().iloc[:0], ["0 rows"]),
        (annotations(post_id=["a", ""]), ["column post_id is blank in 1 of 2 rows", "row 2"]),
        (annotations(DSM5_symptom=["", " "]), ["column DSM5_symptom is blank in 2 of 2 rows", "row 1"]),
        (annotations(status=["1", CANARY]), ["neither 0 nor 1 in 1 of 2 rows", "row 2 below the header"]),
        (annotations(status=["1.5", ""]), ["neither 0 nor 1 in 2 of 2 rows", "row 1 below the header"]),
    ],
)
def test_annotations_that_cannot_be_used_are_refused_in_one_sentence(table, parts):
    message = refusal(check_annotations, table)
    assert all(part in message for part in parts), message


@pytest.mark.parametrize("cells", [["1.0", "0.0"], ["true", "false"], ["True", "False"], [" TRUE", "FALSE "]])
def test_a_status_may_be_written_as_a_float_or_a_word(cells):
    assert check_annotations(annotations(status=cells), "f")["status"].tolist() == [1, 0]


def test_an_object_of_ids_and_texts_is_a_table_of_posts():
    assert check_posts({"a": "one", "b": "two"}, "f").to_dict("list") == {"post_id": ["a", "b"], "text": ["one", "two"]}
    assert "the object of one row" in refusal(check_posts, {"post_id": "a", "text": CANARY}, "f.json")
    assert "1 of 2 values are no texts" in refusal(check_posts, {"a": "one", "b": [CANARY]}, "f.json")
    assert "one object, not a table" in refusal(check_annotations, {"a": CANARY}, "f.json")


def test_a_nested_column_is_refused_only_where_it_is_read():
    nested = [f"{UNREADABLE}its cells are lists or objects: write them as text", "x", "y"]
    assert list(check_posts(posts(meta=nested), "f")) == ["post_id", "text"]
    assert "column text, 1 of 3 rows: its cells are lists" in refusal(check_posts, posts(text=nested))


def test_criteria_keep_their_order():
    assert list(check_criteria({"z": " last ", "a": "first"}, "f").items()) == [("z", "last"), ("a", "first")]


@pytest.mark.parametrize(
    ("criteria", "part"),
    [
        ({}, "no criteria"),
        (["a"], "no criteria"),
        ({"a": " ", "b": CANARY}, "1 of 2 criteria have a blank"),
        ({"a": 3, "b": CANARY}, "1 ids or texts of 2 criteria are not strings"),
        ({"a": CANARY, "a ": "x"}, "1 of 2 criteria repeat"),
    ],
)
def test_criteria_that_cannot_be_used_are_refused(criteria, part):
    assert part in refusal(check_criteria, criteria, "criteria.json")
