"""What each annotator says of each pair."""

import pandas as pd

from psy_agents.corpus.annotators import COLUMNS, ratings_of
from psy_agents.corpus.config import Policies

CRITERIA = ["sleep", "mood"]
ROWS = pd.DataFrame(
    [
        ("p1", "sleep", 1, "Ann"),
        ("p1", "sleep", 0, "Ann"),
        ("p1", "sleep", 1, "Bob"),
        ("p2", "mood", 1, "Bob"),
        ("p2", "SPECIAL_CASE", 1, "Ann"),
        ("p3", "mood", 1, ""),
    ],
    columns=["post_id", "criterion", "status", "annotator"],
)


def labels(**policies):
    ratings = ratings_of(ROWS, CRITERIA, Policies(**policies))
    return {(each.post_id, each.criterion, each.annotator): each.label for each in ratings.itertuples()}


def test_an_annotator_rates_every_criterion_of_a_post_with_a_row_and_no_name_is_kept():
    assert labels() == {
        ("p1", "sleep", 0): 1, ("p1", "mood", 0): 0,
        ("p1", "sleep", 1): 1, ("p1", "mood", 1): 0,
        ("p2", "sleep", 0): 0, ("p2", "mood", 0): 0,
        ("p2", "sleep", 1): 0, ("p2", "mood", 1): 1,
    }  # fmt: skip


def test_rows_of_both_statuses_are_decided_as_the_labels_are():
    assert labels(conflicting_status="all_positive")["p1", "sleep", 0] == 0
    assert ("p1", "sleep", 0) not in labels(conflicting_status="drop")


def test_without_a_column_there_are_no_ratings_but_the_same_columns():
    for rows in (ROWS.drop(columns="annotator"), ROWS.assign(annotator="")):
        ratings = ratings_of(rows, CRITERIA, Policies())
        assert ratings.empty
        assert list(ratings) == list(COLUMNS)
        assert ratings.dtypes["label"] == "int8"
