import optuna
import pytest

from psy_agents.errors import UserError
from psy_agents.hpo.space.search_space import SearchSpace

KNOWN = {"learning_rate": 1e-4, "loss": "plain", "gamma": 2.0, "layers": 2, "pooling": "cls", "dropout": 0.1}
LOSS = {"type": "categorical", "choices": ["plain", "focal"]}
GAMMA = {"type": "float", "low": 0.5, "high": 5.0, "when": {"loss": ["focal"]}}
SPACE = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-3, "log": True},
    "loss": LOSS,
    "gamma": GAMMA,
    "layers": {"type": "int", "low": 1, "high": 4},
}


def space(mapping=SPACE):
    return SearchSpace.from_config(mapping, KNOWN)


def test_only_active_parameters_are_drawn_and_all_lie_in_their_range():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    draws = [space().suggest(study.ask()) for _ in range(40)]
    assert {params["loss"] for params in draws} == {"plain", "focal"}
    for params in draws:
        assert ("gamma" in params) == (params["loss"] == "focal")
        assert 1e-5 <= params["learning_rate"] <= 1e-3
        assert params["layers"] in range(1, 5)


def test_cases_are_what_trials_may_have_of_some_parameters_together():
    assert list(space().cases(["layers"])) == [{"layers": 1}, {"layers": 4}]
    assert list(space().cases(["gamma", "layers"])) == [
        {"loss": "plain", "layers": 1}, {"loss": "plain", "layers": 4},
        {"loss": "focal", "gamma": 0.5, "layers": 1}, {"loss": "focal", "gamma": 0.5, "layers": 4},
        {"loss": "focal", "gamma": 5.0, "layers": 1}, {"loss": "focal", "gamma": 5.0, "layers": 4},
    ]  # fmt: skip
    middle = {"layers": SPACE["layers"], "pooling": {"type": "categorical", "choices": ["cls"], "when": {"layers": [3]}}}
    assert {"layers": 3, "pooling": "cls"} in space(middle).cases(["pooling"]) and list(space().cases(["dropout"])) == [{}]


def test_a_parameter_behind_an_inactive_one_is_inactive():
    chained = {"loss": LOSS, "gamma": GAMMA, "dropout": {"type": "float", "low": 0.0, "high": 0.5, "when": {"gamma": [2.0]}}}
    assert space(chained).complete({"loss": "plain"}) == {"loss": "plain"}
    assert space(chained).complete({"loss": "focal"}) == {"loss": "focal", "gamma": 2.0, "dropout": 0.1}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"learning_rat": {"type": "float", "low": 0, "high": 1}}, "learning_rat: .*did you mean learning_rate"),
        ({"dropout": {"type": "float", "low": 0, "high": 1, "stepp": 0.1}}, "dropout.stepp: Extra inputs are not permitted"),
        ({"dropout": {"type": "real", "low": 0, "high": 1}}, "dropout: Input tag 'real' .* 'float', 'int', 'categorical'"),
        ({"dropout": {"low": 0, "high": 1}}, "dropout: Unable to extract tag using discriminator 'type'"),
        ({"dropout": {"type": "float", "low": 1, "high": 1}}, "dropout: low is 1 and high is 1: low must be below high"),
        ({"dropout": {"type": "float", "low": "1e-5", "high": 1}}, "dropout.low: must be a number: write 1e-05"),
        ({"dropout": {"type": "float", "low": True, "high": 2}}, "dropout.low: must be a number"),
        ({"dropout": {"type": "float", "low": 0, "high": float("inf")}}, "dropout.high: Input should be a finite number"),
        ({"dropout": {"type": "float", "high": 1}}, "dropout.low: Field required"),
        ({"dropout": {"type": "float", "low": 0, "high": 1, "log": 1}}, "dropout.log: Input should be a valid boolean"),
        ({"dropout": {"type": "float", "low": 0, "high": 1, "log": True}}, "dropout: low is 0: on a log scale it must be above 0"),
        ({"dropout": {"type": "float", "low": 1, "high": 2, "log": True, "step": 0.5}}, "dropout: has both log and step"),
        ({"dropout": {"type": "float", "low": 0, "high": 1, "step": 0.3}}, "dropout: step is 0.3, which does not lead from 0 to 1"),
        ({"layers": {"type": "int", "low": 1.5, "high": 3}}, "layers.low: Input should be a valid integer"),
        ({"pooling": {"type": "categorical", "choices": []}}, "pooling.choices: .* at least 1 item"),
        ({"pooling": {"type": "categorical", "choices": "cls"}}, "pooling.choices: Input should be a valid tuple"),
        ({"pooling": {"type": "categorical", "choices": ["cls", ["mean"]]}}, "pooling.choices.1: must be a number, a text"),
        ({"pooling": {"type": "categorical", "choices": ["cls", "cls"]}}, "pooling.choices: lists 'cls' twice"),
        ({"gamma": GAMMA, "loss": LOSS}, "gamma.when.loss: it comes later"),
        ({"gamma": GAMMA}, "gamma.when.loss: it is not in the search space"),
        ({"loss": LOSS, "gamma": {**GAMMA, "when": {"loss": []}}}, "gamma.when.loss: .* at least 1 item"),
        ({"loss": LOSS, "gamma": {**GAMMA, "when": {"loss": ["hinge"]}}}, "gamma.when.loss: loss is one of plain, focal, not 'hinge'"),
    ],
)  # fmt: skip
def test_a_wrong_space_is_refused_in_one_sentence_naming_the_key(mapping, message):
    with pytest.raises(UserError, match=message) as refusal:
        space(mapping)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        ({"los": "focal"}, "los: it is not in the search space; did you mean loss"),
        ({"learning_rate": 1.0}, "learning_rate: must be a number from 1e-05 to 0.001, not 1.0"),
        ({"learning_rate": 10**400}, "learning_rate: must be a number from 1e-05 to 0.001, not 1000"),
        ({"layers": 2.5}, "layers: must be a whole number from 1 to 4, not 2.5"),
        ({"loss": "hinge"}, "loss: must be one of plain, focal, not 'hinge'"),
        ({"loss": "plain", "gamma": 1.0}, "gamma: it exists only when loss is focal: leave it out"),
    ],
)
def test_a_first_trial_outside_the_space_is_refused(trial, message):
    with pytest.raises(UserError, match=message):
        space().complete(trial)
    with pytest.raises(UserError, match="first_trials.criteria.0." + message):
        space().complete(trial, ("first_trials", "criteria", "0"))


def test_a_default_outside_the_space_must_be_given():
    narrow = {"learning_rate": {"type": "float", "low": 1e-3, "high": 1e-2}}
    with pytest.raises(UserError, match="learning_rate: it is left out, and its default does not fit: must be .*, not 0.0001"):
        space(narrow).complete({})
    assert space(narrow).complete({"learning_rate": 0.005}) == {"learning_rate": 0.005}


def test_equal_spaces_and_no_others_are_equal_in_canonical_form():
    assert space().canonical() == space({**SPACE}).canonical()
    assert space().canonical() != space({**SPACE, "layers": {"type": "int", "low": 1, "high": 5}}).canonical()
    assert space({"loss": LOSS, "gamma": GAMMA}).canonical() != space({"loss": LOSS}).canonical()
