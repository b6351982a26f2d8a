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


PLACES = pd.DataFrame({"start": [9, 0, 4, 4, -1], "end": [12, 3, 8, 6, -1]}, index=[0, 0, 1, 2, 3])
"""Of the rows: the first has two places, the second (of status 0) one, that of Bob for mood is not found."""


def labels(**policies):
    ratings = ratings_of(ROWS, CRITERIA, Policies(**policies), PLACES)
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


def test_a_positive_rating_has_the_places_of_its_own_rows():
    def evidence(**policies):
        ratings = ratings_of(ROWS, CRITERIA, Policies(**policies), PLACES).set_index(["post_id", "criterion", "annotator"])
        return {key: (each.starts, each.ends, each.evidence_known) for key, each in ratings.iterrows()}

    found = evidence()
    assert found["p1", "sleep", 0] == ([0, 9], [3, 12], True), "not that of the row of status 0"
    assert found["p1", "sleep", 1] == ([4], [6], True)
    assert found["p2", "mood", 1] == ([], [], False), "its sentence is not in the post"
    assert found["p1", "mood", 0] == ([], [], True)
    assert evidence(conflicting_status="all_positive")["p1", "sleep", 0] == ([], [], True), "rated 0"


def test_without_a_column_there_are_no_ratings_but_the_same_columns():
    for rows in (ROWS.drop(columns="annotator"), ROWS.assign(annotator="")):
        ratings = ratings_of(rows, CRITERIA, Policies(), PLACES)
        assert ratings.empty
        assert list(ratings) == list(COLUMNS)
        assert ratings.dtypes["label"] == "int8"
