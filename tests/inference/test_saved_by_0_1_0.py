"""Agents that version 0.1.0 saved, before its modules and hyper-parameters were renamed, still load and answer the same.

The folder beside this file holds one tiny agent of each kind as that version (commit 96bae16) wrote it, and its answers.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import psy_agents
from psy_agents.agents.saved.agent import load_agent
from psy_agents.training.config import HyperParameters

SAVED = Path(__file__).with_name("saved_by_0_1_0")
ANSWERS = json.loads((SAVED / "predictions.json").read_text())


@pytest.mark.parametrize("agent", sorted(ANSWERS["predictions"]))
def test_an_agent_of_version_0_1_0_loads_and_answers_as_it_did(agent):
    predicted = psy_agents.load(SAVED / agent).predict(ANSWERS["texts"])
    assert len(predicted) == len(ANSWERS["predictions"][agent])
    for ours, theirs in zip(predicted, ANSWERS["predictions"][agent], strict=True):
        assert list(ours) == list(theirs)
        for criterion, expected in theirs.items():
            found = ours[criterion]
            assert found.predicted == expected["met"]
            assert (found.probability is None) == (expected["probability"] is None)
            if expected["probability"] is not None:
                assert found.probability == pytest.approx(expected["probability"], abs=1e-6)
            assert (found.spans is None) == (expected["evidence"] is None)
            for ours_span, their_span in zip(found.spans or [], expected["evidence"] or [], strict=True):
                assert [ours_span.start, ours_span.end] == their_span[:2]
                assert ours_span.score == pytest.approx(their_span[2], abs=1e-4)


def test_its_hyper_parameters_are_read_under_the_names_of_today():
    *_, description = load_agent(SAVED / "share")
    hyperparameters = HyperParameters(**description["hyperparameters"])
    read = hyperparameters.lr_scheduler_type, hyperparameters.warmup_ratio, hyperparameters.gradient_accumulation_steps
    assert read == ("cosine", 0.2, 2)
