"""A study's name follows from what makes its values comparable, and its changes can be described."""

import optuna

from psy_agents.hpo.study.identity import changes, describe_changes, previous_study, study_name

IDENTITY = {
    "space": {"rate": {"distribution": "0 to 1"}, "loss": {"distribution": "plain"}},
    "order": ["rate", "loss"],
    "training": {"unit": "post", "fixed": {"max_length": 48}},
}


def test_equal_identities_have_one_name_whatever_the_order_of_their_keys():
    name = study_name("criteria", "stage0", "sanity", IDENTITY)
    assert name.rpartition("-")[0] == "criteria-stage0-sanity" and len(name.rpartition("-")[2]) == 8
    turned = {key: IDENTITY[key] for key in reversed(IDENTITY)}
    assert study_name("criteria", "stage0", "sanity", turned) == name
    assert study_name("criteria", "stage0", "sanity", {**IDENTITY, "order": ["loss", "rate"]}) != name
    assert study_name("criteria", "max", "", IDENTITY).count("-") == 2


def test_changes_are_listed_by_their_dotted_names():
    now = {
        "space": {"rate": {"distribution": "0 to 2"}, "gamma": {"distribution": "1 to 2"}},
        "order": ["rate", "gamma"],
        "training": {"unit": "post", "fixed": {"max_length": 64}},
    }
    assert changes(IDENTITY, IDENTITY) == []
    assert changes(IDENTITY, now) == [
        "order", "space.gamma.distribution", "space.loss.distribution", "space.rate.distribution", "training.fixed.max_length",
    ]  # fmt: skip
    assert describe_changes({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}) == "b.c"


def test_many_changes_are_shortened():
    described = describe_changes({}, {f"p{number}": number for number in range(11)})
    assert described == "p0, p1, p10, p2, p3, p4, p5, p6 and 3 more"


def test_the_study_to_compare_with_is_the_newest_of_the_same_agent_stage_and_label():
    storage = optuna.storages.InMemoryStorage()
    names = ["criteria-stage0-sanity-aaaaaaaa", "criteria-stage0-sanity-bbbbbbbb", "evidence-stage0-sanity-cccccccc",
             "criteria-stage1-coarse-dddddddd", "criteria-max-eeeeeeee"]  # fmt: skip
    studies = [optuna.create_study(study_name=name, storage=storage) for name in names]
    assert previous_study(studies, "criteria-stage0-sanity-ffffffff").study_name == names[1]
    assert previous_study(studies[::-1], "criteria-stage0-sanity-bbbbbbbb").study_name == names[0]
    assert previous_study(studies, "criteria-max-ffffffff").study_name == names[4]
    assert previous_study(studies, "joint-max-ffffffff") is None
