"""``conf/local``, `hpo.space`, `hpo.encoder` and `hpo.pinned` in every environment, whatever else names a space or an encoder."""

import pytest

from psy_agents.app.config_loader import with_pinned
from psy_agents.app.parameters import check_parameters
from psy_agents.errors import UserError

SEARCHED = {"type": "categorical", "choices": ["a", "b"]}


def parameters(session, env, **hpo):
    return session(env=env, hpo=hpo)._get_config_loader()["parameters"]


STORE = """study_store:
  type: psy_agents.datasets.StudyStoreDataset
  credentials: study_store
"""


@pytest.mark.parametrize("env", [None, "local", "test", "redsm5"])
def test_credentials_and_settings_of_this_machine_hold_in_every_environment_which_overrides_them(session, project, env):
    local = project / "conf/local"
    (local / "catalog.yml").write_text(STORE)
    (local / "credentials.yml").write_text("study_store: {url: postgresql://me:secret@host/studies}")
    (local / "parameters.yml").write_text("hpo: {workers: {memory_gib: 7.0, count: 5}}")
    loader = session(env=env, hpo={"workers": {"per_gpu": 3}})._get_config_loader()
    assert loader["catalog"]["study_store"]["credentials"] == "study_store"
    assert loader["credentials"]["study_store"]["url"].startswith("postgresql://")
    workers = loader["parameters"]["hpo"]["workers"]
    assert (workers["memory_gib"], workers["per_gpu"], workers["threads"]) == (7.0, 3, "auto" if env != "test" else workers["threads"])
    assert workers["count"] == (1 if env == "test" else 5), "conf/test sets it"
    assert loader["globals"]["corpus"] == ("redsm5" if env == "redsm5" else "synthetic")


def test_a_mistake_in_the_machines_file_is_named_whatever_the_environment(session, project):
    (project / "conf/local/parameters.yml").write_text("hpo: {workers: {memory_gib: 0}}")
    with pytest.raises(UserError, match="^conf/local/parameters.yml: hpo.workers.memory_gib: input should be greater than 0, not 0"):
        session(env="test").run()


@pytest.mark.parametrize("env", [None, "test", "redsm5", "contract_nli"])
def test_one_encoder_replaces_the_fixed_and_the_searched_one(session, env):
    found = parameters(session, env, encoder="my/encoder")
    assert found["training"]["fixed"]["encoder"] == "my/encoder"
    assert not [name for name, ranges in found["search_space"].items() if name != "first_trials" and "encoder" in ranges]


def test_an_encoder_of_a_first_trial_is_replaced_too_and_nothing_else_changes():
    trial = {"encoder": "a", "learning_rate": 1e-4}
    before = {
        "hpo": {"encoder": "b"},
        "training": {"fixed": {"max_length": 64, "encoder": "a"}},
        "search_space": {"large": {"encoder": SEARCHED, "fusion": 1}, "first_trials": {"large": {"joint": [trial]}}},
    }
    after = with_pinned(before)
    assert after == {
        "hpo": {"encoder": "b"},
        "training": {"fixed": {"max_length": 64, "encoder": "b"}},
        "search_space": {"large": {"fusion": 1}, "first_trials": {"large": {"joint": [{"learning_rate": 1e-4}]}}},
    }
    assert "encoder" in trial and before["search_space"]["large"]["encoder"] is SEARCHED


def test_a_pinned_hyper_parameter_is_not_searched_and_settles_the_conditions_on_it():
    """Ranges that depend on it lose the condition or go."""
    space = {
        "pooling": {"type": "categorical", "choices": ["cls", "mean"]},
        "dropout": {"type": "float", "low": 0.0, "high": 0.5, "when": {"pooling": ["mean"], "similarity": ["none"]}},
        "head_size": {"type": "int", "low": 1, "high": 4, "when": {"pooling": ["cls"]}},
        "batch_size": None,
    }
    before = {
        "hpo": {"pinned": {"pooling": "mean", "seed": 3}},
        "search_space": {"small": space, "first_trials": {"small": {"joint": [{"pooling": "cls", "dropout": 0.1}]}}},
    }
    after = with_pinned({**before, "training": {"fixed": {}}})
    assert after["training"]["fixed"] == {"pooling": "mean", "seed": 3}
    assert after["search_space"]["small"] == {
        "dropout": {"type": "float", "low": 0.0, "high": 0.5, "when": {"similarity": ["none"]}},
        "batch_size": None,
    }
    assert after["search_space"]["first_trials"]["small"]["joint"] == [{"dropout": 0.1}]


@pytest.mark.parametrize("env", [None, "test", "redsm5", "contract_nli"])
def test_pinned_values_pass_the_check_of_every_environment(session, env):
    opened = session(env=env, hpo={"pinned": {"batch_size": 8, "pooling": "mean", "learning_rate": 1e-4}})
    found = check_parameters(opened._get_config_loader()["parameters"], opened._places())
    assert found.training.fixed["batch_size"] == 8 and "learning_rate" not in found.search_space.small


@pytest.mark.parametrize(
    ("pinned", "message"),
    [
        ({"learning_rat": 1e-4}, r"--params hpo.pinned.learning_rat: .*did you mean 'learning_rate'"),
        ({"learning_rate": -1.0}, r"--params hpo.pinned.learning_rate: "),
        ({"encoder": "a"}, r"--params hpo.pinned.encoder: the encoder has a parameter of its own: use hpo.encoder."),
    ],
)
def test_a_wrong_pinned_value_is_refused_where_it_is_written(session, pinned, message):
    with pytest.raises(UserError, match=message):
        opened = session(hpo={"pinned": pinned})
        check_parameters(opened._get_config_loader()["parameters"], opened._places())


@pytest.mark.parametrize("parameters", [{}, {"hpo": {"encoder": None}}, {"hpo": None}])
def test_without_an_encoder_the_parameters_stay_as_they_are(parameters):
    assert with_pinned(parameters) is parameters


@pytest.mark.parametrize(
    "malformed", [{"training": 3}, {"training": {"fixed": None}}, {"search_space": {"small": None, "first_trials": 1}}]
)
def test_what_is_malformed_is_left_to_the_check_of_parameters(malformed):
    with_pinned({"hpo": {"encoder": "b"}, **malformed})


def test_the_space_holds_for_stages_0_to_2_and_a_stages_own_overrides_it(session):
    def spaces(**hpo):
        found = parameters(session, None, **hpo)["hpo"]
        return [found[stage]["space"] for stage in ("stage0", "stage1", "stage2", "maximal")]

    assert spaces() == ["small", "small", "small", "large"]
    assert [parameters(session, "redsm5")["hpo"][stage]["space"] for stage in ("stage0", "maximal")] == ["full", "large"]
    assert spaces(space="full") == ["full", "full", "full", "large"]
    assert spaces(space="full", stage1={"space": "large"}) == ["full", "large", "full", "large"]
