"""Spans are right, missed or wrong by the words they share; a model of criteria alone is judged by its decisions."""

import numpy as np
import pandas as pd
import pytest

from psy_agents.evaluation.evidence import evidence_metrics
from psy_agents.evaluation.predictions import predictions_table
from psy_agents.evaluation.scored_pairs import ScoredPairs
from psy_agents.evaluation.spans import Span
from psy_agents.reporting.evidence_page.outcomes import count_outcomes

TEXT = "I lie awake. I cannot eat! The rest is fine..."
AWAKE, EAT, FINE, DOTS = (0, 12), (13, 26), (27, 43), (43, 46)


def scored(gold, predicted, known=True):
    table = pd.DataFrame(
        {
            "post_id": ["a"], "criterion": ["c"], "label": [int(bool(gold) or not known)], "origin": ["positive"],
            "evidence_known": [known], "gold_spans": [[{"start": start, "end": end} for start, end in gold]],
        }
    )  # fmt: skip
    found = predictions_table(table, probabilities=None, predicted=None, spans=[[Span(*offsets, 1.0) for offsets in predicted]])
    return ScoredPairs.from_table(found, {"a": TEXT}, ["c"])


@pytest.mark.parametrize(
    ("gold", "predicted", "right_missed_wrong"),
    [
        ([AWAKE], [AWAKE], (1, 0, 0)),
        ([AWAKE], [(6, 18)], (1, 0, 0)),  # One word in both is enough.
        ([AWAKE], [EAT], (0, 1, 1)),
        ([AWAKE, EAT], [AWAKE], (1, 1, 0)),
        ([AWAKE, EAT], [(2, 20)], (1, 0, 0)),  # One predicted span finds two.
        ([(0, 26)], [AWAKE, EAT, FINE], (2, 0, 1)),
        ([AWAKE], [], (0, 1, 0)),
        ([], [FINE], (0, 0, 1)),
        ([], [], (0, 0, 0)),
        ([DOTS], [], (0, 0, 0)),  # No word, no figure.
        ([AWAKE], [(11, 13)], (0, 1, 0)),
    ],
)
def test_a_span_is_right_if_it_shares_a_word(gold, predicted, right_missed_wrong):
    found = count_outcomes(scored(gold, predicted))
    assert (found.right.item(), found.missed.item(), found.wrong.item()) == right_missed_wrong
    assert found.mistakes.item() == sum(right_missed_wrong[1:])
    assert not found.unknown.item()
    figures = evidence_metrics([TEXT], [gold], [predicted])
    assert (figures["token_f1"] > 0) == (found.right.item() > 0), "the report's figure and the page agree"


def test_a_pair_whose_evidence_has_no_known_place_is_not_judged():
    found = count_outcomes(scored([], [FINE], known=False))
    assert found.unknown.item()
    assert (found.right.item(), found.missed.item(), found.wrong.item()) == (0, 0, 0)


def test_a_model_of_criteria_is_judged_by_its_decisions():
    table = pd.DataFrame(
        {
            "post_id": ["a"] * 4, "criterion": list("cdef"), "label": [1, 1, 0, 0], "origin": ["positive"] * 2 + ["implicit_negative"] * 2,
            "evidence_known": [True, False, True, True], "gold_spans": [[{"start": 0, "end": 12}], [], [], []],
        }
    )  # fmt: skip
    found = predictions_table(table, probabilities=np.full(4, 0.5), predicted=np.array([1, 0, 1, 0]), spans=None)
    judged = count_outcomes(ScoredPairs.from_table(found, {"a": TEXT}, list("cdef")))
    assert (judged.right.tolist(), judged.missed.tolist(), judged.wrong.tolist()) == ([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0])
    assert not judged.unknown.any()
