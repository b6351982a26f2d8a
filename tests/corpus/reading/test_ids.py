"""Ids that are the same whole number are one id, as far as that is unambiguous."""

import pandas as pd
import pytest

from psy_agents.corpus.reading.ids import form_of, match_ids


@pytest.mark.parametrize(
    ("posts", "ids", "matched"),
    [
        (["0", "1"], ["0.0", "1.0", "2.0"], ["0", "1", "2.0"]),
        (["1", "20"], ["001", "20", "0020.00"], ["1", "20", "20"]),
        (["0.0", "10.0"], ["0", "10"], ["0.0", "10.0"]),
        (["1", "001"], ["1", "001", "1.0"], ["1", "001", "1.0"]),  # Of two posts.
        (["1", "a"], ["1.5", "-1", "1e0", "a.0", ""], ["1.5", "-1", "1e0", "a.0", ""]),
        (["9" * 400], ["0" + "9" * 400], ["9" * 400]),
    ],
)
def test_ids_of_the_same_whole_number_match_where_one_post_has_it(posts, ids, matched):
    assert match_ids(pd.Series(ids, dtype=str), pd.Series(posts, dtype=str)).tolist() == matched


def test_the_form_of_ids_shows_none_of_them():
    assert form_of(pd.Series(["s_123_ab", "s_4_cd", "x"])) == "a_9_a"
    assert form_of(pd.Series(["s\n1", "t\r\n\u20282"])) == "a 9"
