"""The agents and poolings are found by their files, without torch."""

import subprocess
import sys

import pytest

from psy_agents.agents.config import LossConfig, ModelConfig
from psy_agents.agents.pooling import POOLINGS, new_pooling
from psy_agents.agents.registry import AGENTS, model_class, spec
from psy_agents.agents.spec import BOTH_OPTIONS, CRITERION_OPTIONS, EVIDENCE_OPTIONS, HEAD_OPTIONS, SHARED_OPTIONS, AgentSpec


def test_agents_are_listed_in_the_order_of_their_specs():
    assert AGENTS == ("criteria", "evidence", "share", "joint")
    assert [spec(agent).order for agent in AGENTS] == sorted(spec(agent).order for agent in AGENTS)


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agents_model_has_its_spec(agent):
    assert model_class(agent).spec is spec(agent)


def test_poolings_are_the_modules_of_the_folder():
    assert set(POOLINGS) == {"cls", "last", "mean", "max", "attention"}
    assert [name for name in POOLINGS if new_pooling(name, 4).first_token_only] == ["cls"]


def test_listing_agents_and_poolings_imports_no_torch():
    listing = "import sys; from psy_agents.training.config import HyperParameters; from psy_agents.agents.registry import AGENTS"
    subprocess.run([sys.executable, "-c", f"{listing}; assert 'torch' not in sys.modules"], check=True)


def test_options_that_some_agents_read_are_hyperparameters():
    fields = set(ModelConfig.model_fields) | set(LossConfig.model_fields)
    assert SHARED_OPTIONS | HEAD_OPTIONS | CRITERION_OPTIONS | EVIDENCE_OPTIONS | BOTH_OPTIONS <= fields


def test_a_spec_without_a_prediction_or_with_an_unknown_option_is_refused():
    given = {"order": 9, "summary": "", "predicts_criterion": True, "predicts_evidence": False, "encoders": ("encoder",)}
    with pytest.raises(ValueError, match="pooled, which is not a field"):
        AgentSpec(**given, model_options=frozenset({"pooled"}))
    with pytest.raises(ValueError, match="the criterion, the evidence, or both"):
        AgentSpec(**given | {"predicts_criterion": False}, model_options=frozenset())
