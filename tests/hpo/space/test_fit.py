"""Search spaces beside encoders of some depth: what no trial could have is refused, and rates of small encoders are warned of."""

from contextlib import nullcontext

import pytest

from psy_agents.agents.encoders import limits
from psy_agents.agents.encoders.shape import EncoderShape
from psy_agents.errors import ParameterError, UserError
from psy_agents.hpo.space.config import SearchSpaceConfig
from psy_agents.hpo.space.fit import advice_on_rates, check_fit
from psy_agents.training.config import TrainingSettings

BASE = EncoderShape(layers=12, positions=512, vocabulary=100)
RATE = {"type": "float", "low": 1e-5, "high": 1e-4, "log": True}


def space_of(fixed=(), **ranges):
    settings = TrainingSettings(fixed=dict(fixed))
    spaces = SearchSpaceConfig(small=ranges, large={})
    return spaces.space("share", "small", settings), settings.hyperparameters({}).model_dump()


@pytest.mark.parametrize(
    ("ranges", "fixed", "key", "problem"),
    [
        ({"frozen_layers": {"type": "int", "low": 0, "high": 13}}, {}, "search_space.small.frozen_layers.high", "13 .* big, .* 12 layers"),
        ({"frozen_layers": {"type": "categorical", "choices": [0, 14]}}, {}, "search_space.small.frozen_layers.choices", "14 is too high"),
        ({}, {"frozen_layers": 13}, "training.fixed.frozen_layers", "13 is too high"),
        ({"reinitialised_layers": {"type": "int", "low": 0, "high": 13}}, {}, "search_space.small.reinitialised_layers.high", "12 layers"),
        ({"max_length": {"type": "categorical", "choices": [128, 513]}}, {}, "search_space.small.max_length.choices", "513 .* 512"),
        ({}, {"max_length": 600}, "training.fixed.max_length", "600 is too high for big, which has 512 positions"),
    ],
)  # fmt: skip
def test_what_no_trial_of_the_encoder_could_have_is_refused_by_its_key(ranges, fixed, key, problem):
    with pytest.raises(ParameterError, match=problem) as refusal:
        check_fit("share", *space_of(fixed, **ranges), "small", "big", BASE)
    assert ".".join(refusal.value.key) == key


@pytest.mark.parametrize(
    ("agent", "shape", "attention", "refused"),
    [
        ("criteria", EncoderShape(12, 512, 100, causal=True), "auto", True),
        ("criteria", EncoderShape(12, 512, 100, causal=True), "bidirectional", False),
        ("criteria", BASE, "auto", False),
        ("share", EncoderShape(12, 512, 100, causal=True), "auto", False),
        ("share", EncoderShape(12, 512, 100, causal=True), "causal", True),
        ("evidence", EncoderShape(12, 512, 100, causal=True), "causal", False),  # It pools nothing.
    ],
)
def test_a_first_token_that_has_read_nothing_is_not_pooled(agent, shape, attention, refused):
    space, fixed = space_of({"attention": attention}, pooling={"type": "categorical", "choices": ["mean", "cls"]})
    with pytest.raises(ParameterError, match="has read nothing") if refused else nullcontext():
        check_fit(agent, space, fixed, "small", "big", shape)


ADAPTERS = {"lora_rank": {"type": "int", "low": 4, "high": 8}}
LAYERS = {"type": "int", "low": 0, "high": 2}


@pytest.mark.parametrize(
    ("ranges", "fixed", "key"),
    [
        (ADAPTERS | {"reinitialised_layers": LAYERS}, {}, "search_space.small.reinitialised_layers.high"),
        ({"reinitialised_layers": LAYERS}, {"lora_rank": 8}, "search_space.small.reinitialised_layers.high"),
        (ADAPTERS, {"reinitialised_layers": 1}, "training.fixed.reinitialised_layers"),
        (ADAPTERS | {"frozen_layers": {"type": "int", "low": 0, "high": 12}}, {}, "search_space.small.frozen_layers.high"),
        ({}, {"frozen_layers": 12, "lora_rank": 8}, "training.fixed.frozen_layers"),
        (ADAPTERS | {"frozen_layers": LAYERS}, {}, None),
        ({"reinitialised_layers": LAYERS, "frozen_layers": {"type": "int", "low": 0, "high": 12}}, {}, None),
        # Never together: both have an encoder of their own, or the one is not where the other is.
        (
            {
                "encoder": {"type": "categorical", "choices": ["big", "other"]},
                "lora_rank": ADAPTERS["lora_rank"] | {"when": {"encoder": ["big"]}},
                "reinitialised_layers": LAYERS | {"when": {"encoder": ["other"]}},
            },
            {},
            None,
        ),
        (
            {
                "lora_rank": {"type": "categorical", "choices": [0, 8]},
                "reinitialised_layers": LAYERS | {"when": {"lora_rank": [0]}},
            },
            {},
            None,
        ),
    ],
)
def test_adapters_are_refused_beside_layers_that_are_reinitialised_or_frozen_throughout(ranges, fixed, key):
    with pytest.raises(ParameterError) if key else nullcontext() as refusal:
        check_fit("share", *space_of(fixed, **ranges), "small", "big", BASE)
    assert key is None or ".".join(refusal.value.key) == key


def test_adapters_without_their_package_are_refused(monkeypatch):
    monkeypatch.setattr(limits.importlib.util, "find_spec", lambda name: None)
    check_fit("share", *space_of(), "small", "big", BASE)
    with pytest.raises(UserError, match="adapters need the package peft"):
        check_fit("share", *space_of(**ADAPTERS), "small", "big", BASE)


def test_a_value_that_only_another_encoder_has_is_not_refused():
    deep = {"type": "int", "low": 0, "high": 24, "when": {"encoder": ["deep"]}}
    ranges = {"encoder": {"type": "categorical", "choices": ["big", "deep"]}, "frozen_layers": deep}
    check_fit("share", *space_of(**ranges), "small", "big", BASE)
    with pytest.raises(ParameterError, match="24 is too high for deep"):
        check_fit("share", *space_of(**ranges), "small", "deep", BASE)


def test_the_limits_themselves_fit():
    ranges = {"frozen_layers": {"type": "int", "low": 0, "high": 12}, "max_length": {"type": "categorical", "choices": [512]}}
    check_fit("share", *space_of(**ranges), "small", "big", BASE)


@pytest.mark.parametrize(
    ("high", "frozen", "shape", "warned"),
    [
        (5e-4, 0, BASE, True),
        (5e-4, 4, BASE, False),  # Eight layers are trained.
        (5e-4, 0, EncoderShape(layers=6, positions=512, vocabulary=100), False),
        (1e-4, 0, BASE, False),
        (5e-4, 4, EncoderShape(layers=22, positions=8192, vocabulary=100), True),
    ],
)
def test_learning_rates_of_small_encoders_are_warned_of_with_a_deep_encoder_that_is_trained_whole(high, frozen, shape, warned):
    space, fixed = space_of({"frozen_layers": frozen}, learning_rate={**RATE, "high": high})
    found = list(advice_on_rates(space, fixed, "small", "big", shape))
    assert len(found) == warned
    assert not found or found[0].startswith(f"search_space.small.learning_rate.high: up to {high:g} for big")
