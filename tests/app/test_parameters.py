"""What the stages' parameters promise, and how the command line changes them."""

from __future__ import annotations

import pytest

from psy_agents.agents.registry import AGENTS
from psy_agents.app.parameter_errors import Places
from psy_agents.app.parameters import check_parameters
from psy_agents.errors import UserError


@pytest.fixture
def hpo(session):
    """The typed stages, under runtime parameters as Kedro nests ``--params``."""

    def resolve(**changes):
        values = session(hpo=changes)._get_config_loader()["parameters"]
        return check_parameters(values, Places({"hpo": changes}, {})).hpo

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


def test_later_stages_carry_over_and_refine_none_turns_it_off(hpo):
    stages = hpo()
    assert [stages.stage0.refine.name, stages.stage1.refine.name, stages.stage2.refine.name] == [
        "none",
        "carry_over",
        "carry_over",
    ]
    assert hpo(stage1={"refine": "none"}).stage1.refine.name == "none"
    assert hpo(stage1={"pruner": "none"}).stage1.pruner.name == "none"


@pytest.mark.parametrize("given", ["dask", {"name": "dask", "scheduler": "tcp://host:8786"}])
def test_one_executor_holds_for_all_stages_and_the_refit(hpo, given):
    typed = hpo(workers={"executor": given})
    places = [typed.workers_of(name).executor for name in ("stage0", "stage1", "stage2", "maximal", "refit")]
    assert {place.name for place in places} == {"dask"} and set(places) == {typed.workers.executor}
    stages = hpo(stage1={"workers": {"executor": given}})
    assert [stages.workers_of(name).executor.name for name in ("stage0", "stage1", "refit")] == ["local", "dask", "local"]


def test_a_stage_takes_from_the_shared_workers_what_it_does_not_say_itself(hpo):
    cluster = {"name": "dask", "scheduler": "tcp://host:8786"}
    typed = hpo(
        workers={"count": 3, "executor": cluster, "timeouts": {"silence": 60}},
        stage1={"workers": {"threads": 2, "executor": "local", "timeouts": {"startup": 9}}},
    )
    shared, own = typed.workers_of("stage0"), typed.workers_of("stage1")
    assert (shared.count, shared.threads, shared.executor.scheduler) == (3, "auto", "tcp://host:8786")
    assert (own.count, own.threads, own.executor.name, own.executor.scheduler) == (3, 2, "local", None)
    assert (shared.timeouts.startup, shared.timeouts.silence) == (300, 60)
    assert (own.timeouts.startup, own.timeouts.silence) == (9, 60)


def test_workers_in_another_environments_file_hold_for_every_stage(session):
    typed = check_parameters(session(env="test")._get_config_loader()["parameters"], Places({}, {})).hpo
    assert {typed.workers_of(name).count for name in ("stage0", "stage1", "stage2", "maximal", "refit")} == {1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"workers": {"executor": "dusk"}}, "--params hpo.workers.executor.name: input should be 'local' or 'dask'"),
        (
            {"workers": {"executor": {"scheduler": "tcp://host:8786"}}},
            "--params hpo.workers.executor: scheduler and gpus belong to Dask: add name=dask",
        ),
        ({"executor": "dask"}, "--params hpo.executor is now called hpo.workers.executor."),
        (
            {"stage1": {"trials_per_gpu": 2}},
            "--params hpo.stage1.trials_per_gpu is now called hpo.workers.per_gpu, or hpo.stage1.workers.per_gpu for stage1 alone.",
        ),
        (
            {"stage0": {"workers": 2}},
            "--params hpo.stage0.workers is now called hpo.workers.count, or hpo.stage0.workers.count for stage0 alone.",
        ),
        ({"refit": {"threads_per_worker": 2}}, "hpo.workers.threads, or hpo.refit.workers.threads for refit alone."),
        ({"stage1": {"refine": {"method": "none"}}}, "--params hpo.stage1.refine.method is now called hpo.stage1.refine.name."),
        ({"stage2": {"pruner": {"warmup_fraction": 0.5}}}, "hpo.stage2.pruner.warmup_ratio"),
        ({"stage1": {"pruner": "hyperband"}}, "hpo.stage1.pruner.name: must be one of 'none', 'median', 'rungs', not 'hyperband'."),
        (
            {"stage1": {"pruner": {"epochs": [5, 2]}}},
            "--params hpo.stage1.pruner: epochs must be in ascending order, each once, not [5, 2]",
        ),
        (
            {"stage1": {"pruner": {"name": "none"}}},
            "hpo.stage1.pruner.epochs does not belong to none: to replace the whole section, give hpo.stage1.pruner=none.",
        ),
        ({"workers": {"timeouts": {"startup": 0}}}, "--params hpo.workers.timeouts.startup: input should be greater than 0, not 0."),
        ({"agents_at_once": 0}, "--params hpo.agents_at_once: must be 'auto' or a whole number of at least 1, not 0"),
        ({"agent_at_once": 4}, "--params hpo.agent_at_once: there is no such parameter, did you mean 'agents_at_once'?"),
        ({"stage1": {"refine": {"marginn": 4}}}, "--params hpo.stage1.refine.marginn: there is no such parameter, did you mean 'margin'?"),
        ({"stage1": {"refine": "boxes"}}, "hpo.stage1.refine.name"),
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
