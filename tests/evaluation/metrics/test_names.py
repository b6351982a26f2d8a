"""A criterion's id in a metric's name: MLflow takes it, ordinary ids stay as they are, and no two ids share a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name

from psy_agents.evaluation.metrics.names import name_part

IDS = ["a/b", "a.b", "a b", "..", "/", "a:2f:b", "a_b", "a:b", "Stimmung, Ängste", "日", "x" * 300, "x" * 301, "\n", "a\u0301", "á"]


def test_no_two_ids_share_a_name_and_mlflow_takes_each():
    parts = [name_part(each) for each in IDS]
    assert len(set(parts)) == len(IDS)
    for part in parts:
        _validate_metric_name(f"f1/{part}")
        assert len(part) < 200


@pytest.mark.parametrize("plain", ["DEPRESSED_MOOD", "nda-10", "A1"])
def test_an_ordinary_id_stays_as_it_is(plain):
    assert name_part(plain) == plain


@given(st.lists(st.text(alphabet="ab:/._ 2f", max_size=8), min_size=2, max_size=2, unique=True))
def test_two_ids_of_any_characters_have_two_names(ids):
    assert name_part(ids[0]) != name_part(ids[1])
