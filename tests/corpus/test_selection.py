"""Which rows are used, why the others are not, and that each has one reason."""

import pandas as pd
import pytest

from psy_agents.corpus.config import Policies
from psy_agents.corpus.selection import count_rows, select_rows
from psy_agents.errors import UserError

CRITERIA = {"sleep": "Sleeps badly.", "mood": "Low mood."}
POSTS = pd.DataFrame({"post_id": ["a", "b", "c", "d"], "text": ["One.", " \n", " One. ", "Two."]}, dtype=str)


def annotations(*rows):
    return pd.DataFrame(rows, columns=["post_id", "sentence_text", "criterion", "status"])


ROWS = annotations(
    ("a", "One.", "mood", 1),
    ("a", " One.", "mood", 1),
    ("a", "One.", "mood", 0),
    ("a", "One.", "SPECIAL_CASE", 1),
    ("b", "Gone.", "sleep", 1),
    ("c", "One.", "sleep", 1),
)


def chosen(policies=Policies(), posts=POSTS, rows=ROWS, **options):
    return select_rows(posts, rows, CRITERIA, policies, **options)


def test_every_row_has_one_reason_or_none():
    selection = chosen()
    assert selection.posts.tolist() == ["", "blank_text", "", ""]
    assert selection.annotations.tolist() == ["", "repeated", "", "ignored_label", "post_set_aside", ""]
    assert selection.criteria == CRITERIA
    assert count_rows(selection.annotations) == {
        "in": 6,
        "used": 3,
        "set_aside": {"ignored_label": 1, "post_set_aside": 1, "repeated": 1},
    }


def test_posts_of_another_posts_text_and_posts_without_rows_are_set_aside_where_that_is_wanted():
    selection = chosen(Policies(duplicate_posts="set_aside", posts_without_rows="set_aside"))
    assert selection.posts.tolist() == ["", "blank_text", "duplicate_text", "without_rows"]
    assert selection.annotations.tolist()[5] == "post_set_aside"


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        (Policies(blank_texts="error"), "blank in 1 of 4 rows.*blank_texts: set_aside"),
        (Policies(labels={"SPECIAL_CASE": "error"}), r"1 of 6 rows .*\(SPECIAL_CASE\)"),
        (Policies(labels={"mood": "ignore"}), "mood is both"),
        (Policies(labels={}), r"\(in row \d below the header\).*preprocessing.policies.labels"),
    ],
)
def test_what_a_policy_refuses_is_counted_and_the_message_names_the_setting(policies, message):
    with pytest.raises(UserError, match=message):
        chosen(policies)


def test_a_label_becomes_a_criterion_of_its_own_or_is_ignored_with_all_unknown_ones():
    rows = annotations(("a", "One.", "SPECIAL_CASE", 1), ("a", "One.", "anger", 1))
    own = chosen(Policies(labels={"SPECIAL_CASE": "own_class"}, unknown_labels="ignore"), rows=rows)
    assert list(own.criteria.items())[2:] == [("SPECIAL_CASE", "SPECIAL CASE")]
    assert own.annotations.tolist() == ["", "ignored_label"]


def test_unknown_labels_are_named_by_their_rows_for_they_may_be_text():
    rows = annotations(("a", "One.", "anger", 1), ("a", "One.", "I wrote this in the wrong column", 1))
    with pytest.raises(UserError, match=r"2 of 2 rows .*\(2 different, first in rows 1, 2 below") as error:
        chosen(rows=rows)
    assert "wrong column" not in str(error.value)


def test_rows_of_posts_that_are_not_there_are_refused_or_set_aside():
    rows = annotations(("a", "One.", "mood", 1), ("ghost", "x", "mood", 1), ("ghost", "y", "anger", 0))
    with pytest.raises(UserError, match=r"2 of 3 rows name 1 post_id.*orphan_rows: set_aside"):
        chosen(rows=rows)
    policies = Policies(orphan_rows="set_aside", unknown_labels="ignore")
    assert chosen(policies, rows=rows).annotations.tolist() == ["", "orphan", "orphan"]


def test_where_nearly_all_rows_are_orphans_the_message_shows_the_forms_of_the_ids():
    rows = annotations(("post 1", "One.", "mood", 1), ("post 22", "One.", "mood", 1))
    with pytest.raises(UserError, match=r"2 of 2 rows .* most of the posts' a and most of the annotations' a 9 \(9: digits") as error:
        chosen(rows=rows)
    assert "set_aside" not in str(error.value) and "22" not in str(error.value)
    assert chosen(Policies(orphan_rows="set_aside"), rows=rows).annotations.tolist() == ["orphan", "orphan"]


def test_no_post_left_is_refused():
    with pytest.raises(UserError, match="all 4 rows are set aside"):
        chosen(Policies(posts_without_rows="set_aside"), rows=ROWS.iloc[:0])


def test_a_smaller_sample_is_part_of_a_larger_one_and_another_seed_draws_others():
    posts = pd.DataFrame({"post_id": [f"p{i}" for i in range(50)], "text": "One."}, dtype=str)
    rows = annotations(*((f"p{i}", "One.", "mood", 1) for i in range(50)))
    drawn = {n: set(posts.loc[chosen(posts=posts, rows=rows, max_posts=n).posts == "", "post_id"]) for n in (10, 20, 99)}
    assert [len(drawn[n]) for n in (10, 20, 99)] == [10, 20, 50]
    assert drawn[10] < drawn[20]
    assert drawn[10] != set(posts.loc[chosen(posts=posts, rows=rows, max_posts=10, seed=1).posts == "", "post_id"])
    shuffled = posts.sample(frac=1, random_state=0)
    assert set(shuffled.loc[chosen(posts=shuffled, rows=rows, max_posts=10).posts == "", "post_id"]) == drawn[10]
    selection = chosen(posts=posts, rows=rows, max_posts=10)
    assert count_rows(selection.annotations) == {"in": 50, "used": 10, "set_aside": {"post_set_aside": 40}}
