"""What the stages' parameters promise, and how the command line changes them."""

from __future__ import annotations

import pytest

from psy_agents.agents.registry import AGENTS
from psy_agents.app.parameters import check_parameters
from psy_agents.errors import UserError


@pytest.fixture
def hpo(session):
    """The typed stages, under runtime parameters as Kedro nests ``--params``."""

    def resolve(**changes):
        values = session(hpo=changes)._get_config_loader()["parameters"]
        return check_parameters(values, {"hpo": changes}).hpo

    return resolve


def test_the_full_search_has_312_trials(hpo):
    stages = hpo().stage0, hpo().stage1, hpo().stage2
    assert [(stage.n_trials, stage.epochs, stage.patience) for stage in stages] == [(8, 3, 5), (20, 10, 10), (50, 15, 15)]
    assert sum(stage.of_agent(agent).n_trials for stage in stages for agent in AGENTS) == 312


def test_the_maximal_search_has_each_agents_own_number_of_trials_and_the_large_space(hpo):
    maximal = hpo().maximal
    assert {agent: maximal.of_agent(agent).n_trials for agent in AGENTS} == {
        "criteria": 800,
        "evidence": 1200,
        "share": 600,
        "joint": 600,
    }
    assert (maximal.space, maximal.epochs, maximal.patience) == ("large", 100, 20)


def test_one_number_replaces_the_agents_own(hpo):
    assert hpo(maximal={"n_trials": 2}).maximal.of_agent("share").n_trials == 2


def test_later_stages_refine_and_refine_none_turns_it_off(hpo):
    stages = hpo()
    assert [stages.stage0.refine.method, stages.stage1.refine.method, stages.stage2.refine.method] == [
        "none",
        "bounding_box",
        "bounding_box",
    ]
    assert hpo(stage1={"refine": "none"}).stage1.refine.method == "none"


@pytest.mark.parametrize("given", ["dask", {"name": "dask", "scheduler": "tcp://host:8786"}])
def test_one_executor_holds_for_all_stages_and_the_refit(hpo, given):
    typed = hpo(executor=given)
    places = typed.stage0, typed.stage1, typed.stage2, typed.maximal, typed.refit
    assert {place.executor.name for place in places} == {"dask"} and {place.executor for place in places} == {typed.executor}
    stages = hpo(stage1={"executor": given})
    assert [each.executor.name for each in (stages.stage0, stages.stage1, stages.refit)] == ["local", "dask", "local"]


def test_an_executor_that_no_stage_reads_is_refused(session):
    values = session()._get_config_loader()["parameters"]
    values["hpo"]["executor"] = {"name": "dask"}  # As another environment's file would.
    with pytest.raises(UserError, match="hpo: executor stands in a file that the stages do not read"):
        check_parameters(values, {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"executor": "dusk"}, "--params hpo.executor.name: input should be 'local' or 'dask'"),
        ({"executor": {"scheduler": "tcp://host:8786"}}, "--params hpo.executor: scheduler and gpus belong to Dask: add name=dask"),
        ({"agents_at_once": 0}, "--params hpo.agents_at_once: must be 'auto' or a whole number of at least 1, not 0"),
        ({"agent_at_once": 4}, "--params hpo.agent_at_once: there is no such parameter, did you mean 'agents_at_once'?"),
        ({"stage1": {"refine": {"topp": 4}}}, "--params hpo.stage1.refine.topp: there is no such parameter, did you mean 'top'?"),
        ({"stage1": {"refine": "boxes"}}, "hpo.stage1.refine.method"),
        ({"stage1": {"n_trials": 0}}, "hpo.stage1.n_trials: must be a whole number of at least 1, or one for each of criteria"),
        ({"stage1": {"n_trials": {"criteria": 3}}}, "hpo.stage1.n_trials: must be a whole number"),
        ({"stage1": {"n_trials": None}}, "n_trials and timeout are both null"),
        ({"stage1": {"space": "huge"}}, "hpo.stage1.space"),
        ({"refit": {"n_seeds": 9}}, "n_seeds is 9, but only 5 seeds are listed"),
        ({"refit": {"stage": "stage9"}}, "hpo.refit.stage"),
        ({"refit": {"seeds": [1, 1]}}, "seeds lists a seed twice"),
    ],
)
def test_a_mistake_is_named(hpo, changes, message):
    with pytest.raises(UserError) as refusal:
        hpo(**changes)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
