"""The schema of predictions: rows of posts, files that are written and read, and files of another schema."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import (
    GOLD,
    SCHEMA,
    SCORED_SCHEMA,
    Prediction,
    gold_table,
    prediction_rows,
    predictions_table,
    read_predictions,
    write_predictions,
)
from psy_agents.evaluation.spans import Span


def test_rows_follow_posts_and_criteria_and_are_none_where_nothing_is_predicted():
    both = {"A": Prediction(0.25, False, []), "B": Prediction(0.75, True, [Span(3, 9, 1.5), Span(12, 20, 0.5, "eight ch")])}
    table = prediction_rows(["x", "y"], [both, both])
    assert table.schema.equals(SCHEMA)
    assert table.to_pylist()[:2] == [
        {"post_id": "x", "criterion": "A", "probability": 0.25, "predicted": False, "spans": []},
        {
            "post_id": "x", "criterion": "B", "probability": 0.75, "predicted": True,
            "spans": [{"start": 3, "end": 9, "score": 1.5, "quote": None}, {"start": 12, "end": 20, "score": 0.5, "quote": "eight ch"}],
        },
    ]  # fmt: skip
    assert table["post_id"].to_pylist() == ["x", "x", "y", "y"] and table["criterion"].to_pylist() == ["A", "B"] * 2
    table = prediction_rows(["x"], [{"A": Prediction(None, True, [Span(0, 1, 2.0)]), "B": Prediction(0.5, True, None)}])
    assert table["probability"].to_pylist() == [None, 0.5] and table["spans"].to_pylist()[1] is None
    json.dumps(table.to_pylist(), allow_nan=False)
    empty = prediction_rows([], [])
    assert empty.schema.equals(SCHEMA) and len(empty) == 0


@pytest.fixture
def gold():
    pairs = pd.DataFrame(
        {
            "post_id": ["a", "a", "b", "c"], "criterion": ["S", "F", "S", "S"], "label": [1, 0, 1, 0],
            "origin": ["positive", "implicit_negative", "positive", "explicit_negative"],
            "starts": [[0, 9], [], [], []], "ends": [[4, 12], [], [], []], "evidence_known": [True, True, False, True],
        }
    )  # fmt: skip
    return gold_table(pairs, pd.DataFrame({"post_id": ["a", "b", "c"], "split": ["test", "test", "train"]}), "test")


def test_gold_columns_are_of_the_split_and_shared_columns_have_the_types_of_predict(gold):
    assert list(gold) == GOLD and gold["post_id"].tolist() == ["a", "a", "b"]
    assert gold["gold_spans"].tolist() == [[{"start": 0, "end": 4}, {"start": 9, "end": 12}], [], []]
    assert [SCORED_SCHEMA.field(field.name) for field in SCHEMA] == list(SCHEMA)


@pytest.mark.parametrize("agent", ["criteria", "evidence", "share"])
def test_written_predictions_are_read_with_the_same_bits_and_types_for_every_agent(gold, tmp_path, agent):
    probabilities = None if agent == "evidence" else np.array([0.1, 1 / 3, 0.7])
    spans = None if agent == "criteria" else [[Span(0, 4, 0.1 + 0.2)], [], [Span(1, 2)]]
    table = predictions_table(
        gold, probabilities=probabilities, predicted=None if agent == "evidence" else probabilities > 0.2, spans=spans
    )
    assert list(table) == SCORED_SCHEMA.names
    for number in range(2):
        write_predictions(table, tmp_path / f"{number}.parquet")
        table = read_predictions(tmp_path / f"{number}.parquet")
        assert pq.read_schema(tmp_path / f"{number}.parquet").equals(SCORED_SCHEMA)
    assert pq.read_table(tmp_path / "0.parquet").equals(pq.read_table(tmp_path / "1.parquet"))
    assert table["predicted"].tolist() == {"evidence": [True, False, True]}.get(agent, [False, True, True])
    if agent == "evidence":
        assert table["probability"].isna().all()
    else:
        np.testing.assert_array_equal(table["probability"], probabilities)
    if agent == "criteria":
        assert table["spans"].isna().all()
    else:
        assert [[Span(**span) for span in cell] for cell in table["spans"]] == spans


def test_a_file_that_version_0_1_0_wrote_is_refused_in_one_sentence(gold, tmp_path):
    old = gold.drop(columns="gold_spans").assign(
        gold_starts=[[0, 9], [], []], gold_ends=[[4, 12], [], []], probability=0.5, uncalibrated=0.5, threshold=0.5, pooled_threshold=0.5,
        predicted=1, starts=[[0], [], []], ends=[[4], [], []], scores=[[1.0], [], []],
    )  # fmt: skip
    old.to_parquet(tmp_path / "share_test_predictions.parquet", index=False)
    with pytest.raises(UserError, match=r"^share_test_predictions\.parquet does not fit the schema of predictions, so another version"):
        read_predictions(tmp_path / "share_test_predictions.parquet")
