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


def test_a_parameter_behind_an_inactive_one_is_inactive():
    chained = {"loss": LOSS, "gamma": GAMMA, "dropout": {"type": "float", "low": 0.0, "high": 0.5, "when": {"gamma": [2.0]}}}
    assert space(chained).complete({"loss": "plain"}) == {"loss": "plain"}
    assert space(chained).complete({"loss": "focal"}) == {"loss": "focal", "gamma": 2.0, "dropout": 0.1}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"learning_rat": {"type": "float", "low": 0, "high": 1}}, "'learning_rat'; did you mean learning_rate"),
        ({"dropout": {"type": "float", "stepp": 0.1}}, "dropout .float. has no setting 'stepp'; did you mean step"),
        ({"dropout": {"type": "real", "low": 0, "high": 1}}, "dropout has type 'real'"),
        ({"dropout": {"type": "float", "low": 1, "high": 1}}, "dropout has low 1 and high 1"),
        ({"dropout": {"type": "float", "low": "1e-5", "high": 1}}, "dropout has low '1e-5'.*write 1e-05"),
        ({"dropout": {"type": "float", "high": 1}}, "dropout needs low"),
        ({"dropout": {"type": "float", "low": 0, "high": 1, "log": True}}, "dropout is on a log scale"),
        ({"dropout": {"type": "float", "low": 0, "high": 1, "step": 0.3}}, "dropout has step 0.3"),
        ({"layers": {"type": "int", "low": 1.5, "high": 3}}, "layers has low 1.5, which is not a whole number"),
        ({"pooling": {"type": "categorical", "choices": []}}, "pooling needs choices"),
        ({"pooling": {"type": "categorical", "choices": ["cls", ["mean"]]}}, "pooling may choose only among plain values"),
        ({"pooling": {"type": "categorical", "choices": ["cls", "cls"]}}, "pooling lists the choice 'cls' twice"),
        ({"gamma": GAMMA, "loss": LOSS}, "gamma depends on 'loss', which comes later"),
        ({"gamma": GAMMA}, "gamma depends on 'loss', which is not in the search space"),
        ({"loss": LOSS, "gamma": {**GAMMA, "when": {"loss": ["hinge"]}}}, "gamma waits for loss to be 'hinge'"),
    ],
)  # fmt: skip
def test_a_wrong_space_is_refused_in_one_sentence_naming_the_parameter(mapping, message):
    with pytest.raises(UserError, match=message):
        space(mapping)


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ({"los": "focal"}, "'los' is not in the search space; did you mean loss"),
        ({"learning_rate": 1.0}, "learning_rate is 1.0"),
        ({"layers": 2.5}, "layers is 2.5"),
        ({"loss": "hinge"}, "loss is 'hinge'.*one of plain, focal"),
        ({"loss": "plain", "gamma": 1.0}, "gamma exists only when loss is focal"),
    ],
)
def test_a_baseline_outside_the_space_is_refused(baseline, message):
    with pytest.raises(UserError, match=message):
        space().complete(baseline)


def test_a_default_outside_the_space_must_be_given():
    narrow = {"learning_rate": {"type": "float", "low": 1e-3, "high": 1e-2}}
    with pytest.raises(UserError, match="learning_rate is left out, and its default is 0.0001"):
        space(narrow).complete({})
    assert space(narrow).complete({"learning_rate": 0.005}) == {"learning_rate": 0.005}


def test_equal_spaces_and_no_others_are_equal_in_canonical_form():
    assert space().canonical() == space({**SPACE}).canonical()
    assert space().canonical() != space({**SPACE, "layers": {"type": "int", "low": 1, "high": 5}}).canonical()
    assert space({"loss": LOSS, "gamma": GAMMA}).canonical() != space({"loss": LOSS}).canonical()
