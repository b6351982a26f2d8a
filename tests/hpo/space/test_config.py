"""The space of the file: one map for all agents, of which each takes what it reads, checked against the hyper-parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from psy_agents.agents.registry import AGENTS, spec
from psy_agents.errors import ParameterError
from psy_agents.hpo.space.config import SPACES, SearchSpaceConfig
from psy_agents.training.config import HyperParameters, TrainingSettings

BASE = Path(__file__).parents[3] / "conf/base/parameters_search_space.yml"
RATE = {"type": "float", "low": 1e-5, "high": 1e-3, "log": True}
SETTINGS = TrainingSettings()


def of_base() -> SearchSpaceConfig:
    return SearchSpaceConfig.model_validate(yaml.safe_load(BASE.read_text(encoding="utf-8"))["search_space"])


def test_the_file_needs_no_anchors_and_names_no_parameter_twice():
    text = BASE.read_text(encoding="utf-8")
    assert not [token for token in yaml.scan(text) if isinstance(token, yaml.AnchorToken | yaml.AliasToken)]
    for mapping in (node for node in walk(yaml.compose(text)) if isinstance(node, yaml.MappingNode)):
        names = [key.value for key, _ in mapping.value]
        assert len(names) == len(set(names))


def walk(node):
    yield node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from (*walk(key), *walk(value))
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from walk(value)


@pytest.mark.parametrize("size", SPACES)
@pytest.mark.parametrize("agent", AGENTS)
def test_each_agent_draws_what_it_reads_in_the_order_of_the_file(agent, size):
    spaces = of_base()
    names = [parameter.name for parameter in spaces.space(agent, size, SETTINGS).parameters]
    assert names == [name for name, each in getattr(spaces, size).items() if each is not None and spec(agent).reads(name)]
    if agent == "share":
        assert names.index("no_answer_weight") < names.index("pooling"), "span parameters are drawn before criterion ones"


def test_a_parameter_that_is_null_is_not_searched():
    spaces = SearchSpaceConfig(small={"learning_rate": RATE, "batch_size": None}, large={})
    assert [parameter.name for parameter in spaces.space("share", "small", SETTINGS).parameters] == ["learning_rate"]


RANK = {"type": "int", "low": 4, "high": 64, "log": True}
BACKBONES = {"type": "categorical", "choices": ["bert", "llama"]}


@pytest.mark.parametrize(
    ("fixed", "ranges", "ranks"),
    [
        ({}, {}, {"bert": 0}),
        ({"lora_rank": 8}, {}, {"bert": 8}),
        ({}, {"lora_rank": RANK}, {"bert": 64}),
        ({}, {"lora_rank": {"type": "categorical", "choices": [16, 0]}}, {"bert": 0}),
        ({}, {"encoder": BACKBONES, "lora_rank": RANK}, {"bert": 64, "llama": 64}),
        ({}, {"encoder": BACKBONES, "lora_rank": {**RANK, "when": {"encoder": ["llama"]}}}, {"bert": 0, "llama": 64}),
        ({"lora_rank": 99}, {"encoder": BACKBONES, "lora_rank": {**RANK, "when": {"encoder": ["llama"]}}}, {"bert": 99, "llama": 64}),
        ({}, {"batch_size": {"type": "categorical", "choices": [8, 16]}, "lora_rank": {**RANK, "when": {"batch_size": [8]}}}, {"bert": 0}),
    ],
)
def test_each_encoder_has_the_highest_rank_of_its_trials_and_0_where_one_has_no_adapters(fixed, ranges, ranks):
    settings = TrainingSettings(fixed={"encoder": "bert", **fixed})
    assert SearchSpaceConfig(small=ranges, large={}).ranks("share", "small", settings) == ranks


@pytest.mark.parametrize(
    ("small", "key", "problem"),
    [
        ({"learning_rat": RATE}, "small.learning_rat", "did you mean learning_rate"),
        ({"schedule": RATE}, "small.schedule", "is now called lr_scheduler_type"),
        (
            {"lr_scheduler_type": {"type": "categorical", "choices": ["linear", "cosine_restarts"]}},
            "small.lr_scheduler_type.choices",
            "cosine_restarts is now called cosine_with_restarts",
        ),
        ({"pooling": {"type": "categorical", "choices": ["median"]}}, "small.pooling.choices", "input should be .*'cls'.*, not 'median'"),
        ({"head_dropout": {"type": "float", "low": 0.0, "high": 2.0}}, "small.head_dropout.high", "less than or equal to 0.9, not 2.0"),
        ({"head_depth": {"type": "float", "low": 0.0, "high": 2.0}}, "small.head_depth.type", "write type: int"),
        ({"learning_rate": {**RATE, "high": 10.0}}, "small.learning_rate.high", "less than or equal to 1, not 10"),
        ({"frozen_layers": {"type": "int", "low": -1, "high": 3}}, "small.frozen_layers.low", "greater than or equal to 0, not -1"),
        ({"batch_size": {"type": "categorical", "choices": [8, 0]}}, "small.batch_size.choices", "greater than or equal to 1, not 0"),
        ({"batch_size": {"type": "categorical", "choices": [8, "16"]}}, "small.batch_size.choices", "valid integer, not '16'"),
        ({"batch_size": {"type": "categorical", "choices": [True, 8]}}, "small.batch_size.choices", "valid integer, not True"),
        ({"encoder": {"type": "categorical", "choices": ["a", " "]}}, "small.encoder.choices", "match pattern"),
        ({"no_answer_weight": {**RATE, "when": {"loss": ["focal"]}}}, "small.no_answer_weight.when.loss", "not in the search space"),
    ],
)
def test_a_range_that_no_hyper_parameter_has_is_refused_by_its_key(small, key, problem):
    spaces = SearchSpaceConfig(small=small, large={})
    with pytest.raises(ParameterError, match=problem) as refusal:
        spaces.check(SETTINGS)
    assert ".".join(refusal.value.key) == f"search_space.{key}"


@pytest.mark.parametrize(
    ("trials", "key", "problem"),
    [
        ({"criteria": [{}, {"warmup_fraction": 0.1}]}, "criteria.1.warmup_fraction", "is now called warmup_ratio"),
        ({"criteria": [{"fusion": "gate"}]}, "criteria.0.fusion", "the agent criteria does not read it"),
        ({"share": [{"learning_rat": 1}]}, "share.0.learning_rat", "did you mean learning_rate"),
        ({"share": [{"lr_scheduler_type": "constant"}]}, "share.0.lr_scheduler_type", "constant is now called constant_with_warmup"),
        ({"share": [{"head_dropout": 2}]}, "share.0.head_dropout", "less than or equal to 0.9, not 2"),
        ({"share": [{"batch_size": 8.0}]}, "share.0.batch_size", "valid integer, not 8.0"),
        ({"shares": []}, "shares", "there is no such agent"),
    ],
)
def test_a_first_trial_that_no_agent_could_have_is_refused_by_its_key(trials, key, problem):
    spaces = SearchSpaceConfig(small={"learning_rate": RATE}, large={}, first_trials={"small": trials})
    with pytest.raises(ParameterError, match=problem) as refusal:
        spaces.check(SETTINGS)
    assert ".".join(refusal.value.key) == f"search_space.first_trials.small.{key}"


def test_the_bundled_space_is_right_and_its_first_trials_fit_each_space():
    spaces = of_base()
    spaces.check(SETTINGS)
    assert set(spaces.large) <= set(HyperParameters.model_fields)
    for agent in AGENTS:
        for size in SPACES:
            assert len(spaces.firsts(agent, size, spaces.space(agent, size, SETTINGS))) == 2


def test_a_backbone_has_parameters_of_its_own():
    ranges = {
        "encoder": {"type": "categorical", "choices": ["whole", "adapted"]},
        "lora_rank": {"type": "int", "low": 4, "high": 64, "log": True, "when": {"encoder": ["adapted"]}},
    }
    space = SearchSpaceConfig(small={}, large={}, lora=ranges).space("criteria", "lora", SETTINGS)
    assert space.complete({"encoder": "whole"}) == {"encoder": "whole"}
    assert SETTINGS.hyperparameters({"encoder": "whole"}).lora_rank == 0
    assert space.complete({"encoder": "adapted", "lora_rank": 8}) == {"encoder": "adapted", "lora_rank": 8}
    with pytest.raises(ParameterError, match="exists only when encoder is adapted"):
        space.complete({"encoder": "whole", "lora_rank": 8})


def test_an_unknown_kind_of_range_is_refused():
    with pytest.raises(ValidationError, match="'real'"):
        SearchSpaceConfig(small={"learning_rate": {**RATE, "type": "real"}}, large={})
