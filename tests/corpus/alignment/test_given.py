"""Places that a corpus gives are used as they are, once they hold their sentences in one unit."""

import numpy as np
import pytest

from psy_agents.corpus.alignment.given import align_given
from psy_agents.errors import UserError

TEXT = "😀😀 I lie awake. I get up at three."


def given(*rows, texts=(TEXT,), threshold=0.7):
    sentences, starts, ends = zip(*rows, strict=True)
    found = align_given(texts, np.zeros(len(rows), dtype=np.int64), sentences, np.array(starts), np.array(ends), threshold)
    return found.stage.tolist(), [TEXT[a:b] for a, b in zip(found.start, found.end, strict=True)]


def test_offsets_count_characters():
    assert given(("I lie awake.", 3, 15), ("", 16, 34)) == (["given", "given"], ["I lie awake.", "I get up at three."])


def test_offsets_in_utf_16_units_are_recognised_where_only_they_hold_the_sentences():
    assert given(("I lie awake.", 5, 17), ("I get up", 18, 26)) == (["given", "given"], ["I lie awake.", "I get up"])


def test_a_place_may_differ_in_form_and_loses_white_space():
    assert given(("i LIE  awake", 2, 14)) == (["given"], ["I lie awake"])


def test_sentences_without_a_place_are_searched():
    found = given(("I get up at three", -1, -1), ("I lie awake.", 3, 15), ("Nothing of the kind here", -1, -1), ("", -1, -1))
    assert found == (["exact", "given", "not_found", "blank"], ["I get up at three", "I lie awake."])


@pytest.mark.parametrize(("start", "end"), [((6, 19), (18, 24)), ((7, 20), (19, 25))])  # In characters, and in UTF-16 units.
def test_a_windows_line_end_may_count_as_one_character(start, end):
    text = "😀 Up.\r\nI lie awake.\r\nDown."
    found = align_given([text], np.zeros(2, dtype=np.int64), ["I lie awake.", "Down."], np.array(start), np.array(end), 0.7)
    assert [text[a:b] for a, b in zip(found.start, found.end, strict=True)] == ["I lie awake.", "Down."]


def test_rows_may_count_in_different_units_where_each_has_one_place():
    assert given(("I lie awake.", 3, 15), ("I get up", 18, 26)) == (["given", "given"], ["I lie awake.", "I get up"])
    with pytest.raises(UserError, match=r"in 1 of 3 rows that have them, first in row 3 below"):  # Which unit does the third have?
        given(("I lie awake.", 3, 15), ("I get up", 18, 26), ("", 5, 9))


@pytest.mark.parametrize("row", [("I lie awake.", 4, 16), ("I lie awake.", 3, 99), ("", 60, 70), ("", 2, 3), ("I get", 1, 9)])
def test_places_that_hold_something_else_are_refused_by_their_row(row):
    with pytest.raises(UserError, match=r"do not hold the sentence in 1 of 2 rows that have them, first in row 2 below") as error:
        given(("I lie awake.", 3, 15), row)
    assert "awake" not in str(error.value)
