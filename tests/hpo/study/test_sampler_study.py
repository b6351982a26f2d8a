"""What a sampler reads: ranks of this stage's trials after those of earlier stages, and what the space allows of them."""

from __future__ import annotations

import math

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from psy_agents.hpo.engine.samplers.tpe import Tpe
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.study.observations import Observation, normal_scores
from psy_agents.hpo.study.sampler_study import SamplerStudy

SPACE = SearchSpace.from_config(
    {
        "x": {"type": "float", "low": 0.0, "high": 1.0},
        "loss": {"type": "categorical", "choices": ["plain", "focal"]},
        "gamma": {"type": "float", "low": 0.5, "high": 5.0, "when": {"loss": ["focal"]}},
    },
    {"x": 0.5, "loss": "plain", "gamma": 2.0},
)
SAMPLER = Tpe(n_startup_trials=4)


def trial(number: int, x: float, *curve: float, state=TrialState.COMPLETE) -> FrozenTrial:
    params = {"x": x, "loss": "plain"}
    made = create_trial(
        state=state,
        value=max(curve) if state is TrialState.COMPLETE else None,
        params=params,
        distributions=SPACE.distributions(params),
        intermediate_values=dict(enumerate(curve, start=1)),
    )
    made.number = number
    return made


def earlier(x: float, score: float, **params) -> Observation:
    return Observation(study="earlier", params={"x": x, "loss": "plain", **params}, score=score)


ENDED = [
    trial(0, 0.2, 0.3, 0.4),
    trial(1, 0.4, 0.9, state=TrialState.PRUNED),
    trial(4, 0.6, 0.8, 0.1),
    trial(3, 0.9, 0.1, state=TrialState.FAIL),
]
RUNNING = [trial(5, 0.7, 0.2, state=TrialState.RUNNING)]


def test_earlier_stages_come_first_then_this_stages_ranks_then_what_runs():
    study = SamplerStudy(SPACE, [earlier(0.1, 5.0), earlier(0.3, -5.0)]).study(SAMPLER.build(0, SPACE), ENDED, RUNNING)
    assert [each.params["x"] for each in study.trials] == [0.1, 0.3, 0.2, 0.4, 0.6, 0.7]
    assert [each.number for each in study.trials] == list(range(6))
    assert [each.state for each in study.trials] == [TrialState.COMPLETE] * 5 + [TrialState.RUNNING]
    assert [each.value for each in study.trials[:5]] == [5.0, -5.0, *normal_scores([0.4, 0.9, 0.8])]


def test_scores_are_computed_again_for_each_proposal():
    samples = SamplerStudy(SPACE)
    (only,) = samples.study(SAMPLER.build(0, SPACE), ENDED[:1]).trials
    assert only.value == 0.0
    assert [each.value for each in samples.study(SAMPLER.build(0, SPACE), ENDED[:2]).trials] == normal_scores([0.4, 0.9])


def test_a_value_that_the_space_does_not_allow_is_left_out_by_itself():
    focal = {"loss": "focal", "gamma": 3.0}
    observations = [
        earlier(7.0, 0.1, **focal),
        earlier(0.2, 0.2, loss="hinge", gamma=3.0),
        earlier(0.3, 0.3, gamma=3.0),
        earlier(0.4, 0.4, **focal, gone=1),
        earlier(0.5, 0.5, loss="focal", gamma=99.0),
        earlier(True, 0.6),
    ]
    study = SamplerStudy(SPACE, observations).study(SAMPLER.build(0, SPACE), [])
    assert [each.params for each in study.trials] == [
        focal,
        {"x": 0.2},
        {"x": 0.3, "loss": "plain"},
        {"x": 0.4, **focal},
        {"x": 0.5, "loss": "focal"},
        {"loss": "plain"},
    ]
    for multivariate in (False, True):
        sampler = Tpe(n_startup_trials=4, multivariate=multivariate).build(0, SPACE)
        drawn = SamplerStudy(SPACE, observations).propose(sampler, ENDED, RUNNING)
        assert SPACE.complete(drawn) == drawn


def drawn(observations, ended=(), running=(), sampler=SAMPLER) -> list[float]:
    """The first parameter of proposals with many seeds."""
    samples = SamplerStudy(SPACE, observations)
    return [samples.propose(sampler.build(seed, SPACE), ended, running)["x"] for seed in range(40)]


NEAR = [earlier(0.9 + each / 1000, 1.0) for each in range(3)]
FAR = [earlier(each / 40, -1.0) for each in range(20)]


def test_earlier_trials_count_as_startup_trials_and_draw_near_the_best():
    assert sum(x > 0.8 for x in drawn(NEAR + FAR)) > 30
    assert drawn(NEAR) == drawn([]), "three are fewer than n_startup_trials: random, with the same seeds"


def test_a_running_trial_counts_with_a_constant_liar_alone():
    bad = [trial(number, 0.1 + number / 50, 0.1) for number in range(9)]
    good = [trial(9, 0.7, 0.9)]
    crowd = [trial(20 + number, 0.7, 0.5, state=TrialState.RUNNING) for number in range(9)]
    honest = Tpe(n_startup_trials=4, constant_liar=False)
    assert drawn([], bad + good, crowd, honest) == drawn([], bad + good, (), honest)
    assert drawn([], bad + good, crowd) != drawn([], bad + good)


@pytest.mark.parametrize("change", [lambda value: 100 * value, math.exp, lambda value: value - 3])
def test_only_ranks_count(change):
    values = [0.3, 0.9, 0.1, 0.5, 0.7, 0.2]
    ended = [trial(number, value, value) for number, value in enumerate(values)]
    changed = [trial(number, value, change(value)) for number, value in enumerate(values)]
    assert drawn(FAR, ended) == drawn(FAR, changed)


def test_the_parts_that_are_optunas_agree_with_a_study_of_its_own():
    """Complete trials whose values have the ranks' order give what Optuna proposes from them."""
    ended = [trial(number, number / 10, number / 10) for number in range(9)]
    study = optuna.create_study(direction="maximize", sampler=SAMPLER.build(3, SPACE))
    for each in ended:
        study.add_trial(each)
    assert SamplerStudy(SPACE).propose(SAMPLER.build(3, SPACE), ended) == SPACE.suggest(study.ask())
