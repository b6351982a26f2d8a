"""A stage's trials as normal scores: by hand, from a store, and from a list of best trials alone."""

from __future__ import annotations

import json

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from scipy.special import ndtri as quantile

from psy_agents.hpo.study.observations import Observation, normal_scores, observations_of, observe, observed_studies, plain
from psy_agents.hpo.study.topk import TopK, top_k

BASELINES = [{"x": 0.1}, {"x": 0.7}, {"x": 0.2}, {"x": 0.6}]


def test_scores_are_normal_quantiles_of_ranks_and_equal_values_share_theirs():
    assert normal_scores([0.3, 0.9, 0.1, 0.5]) == pytest.approx([quantile(share) for share in (0.375, 0.875, 0.125, 0.625)])
    assert normal_scores([0.5, 0.1, 0.5]) == pytest.approx([quantile(2 / 3), quantile(1 / 6), quantile(2 / 3)])
    assert normal_scores([0.2]) == [0.0] and normal_scores([]) == []


def curve(*values: float, state=TrialState.COMPLETE):
    """A trial of this curve; ``x`` is its last value."""
    return create_trial(
        state=state,
        value=max(values) if state is TrialState.COMPLETE else None,
        params={"x": values[-1]},
        distributions={"x": optuna.distributions.FloatDistribution(-1e9, 1e9)},
        intermediate_values=dict(enumerate(values, start=1)),
    )


def test_trials_are_ranked_by_their_smoothed_curves_stopped_ones_among_the_complete():
    spike = curve(0.1, 0.9, 0.1, 0.1)  # 0.37 at best, smoothed.
    steady = curve(0.5, 0.5, 0.5)
    stopped = curve(0.4, 0.6, state=TrialState.PRUNED)
    failed = curve(0.9, state=TrialState.FAIL)
    scores = {each.params["x"]: each.score for each in observe("s", [spike, failed, steady, stopped])}
    assert scores == pytest.approx({0.1: quantile(1 / 6), 0.5: 0.0, 0.6: quantile(5 / 6)})


def test_a_trial_that_lost_its_numbers_is_the_worst():
    lost, low = curve(0.9, float("nan"), 0.95, state=TrialState.PRUNED), curve(-5.0)
    assert [each.score for each in observe("s", [lost, low])] == pytest.approx([quantile(0.25), quantile(0.75)])


def test_the_store_gives_the_trials_that_the_list_was_chosen_from_also_after_the_stage_has_grown(search):
    search.run(n_trials=5, baselines=BASELINES, mishaps={4: "diverge"})
    parent = TopK.model_validate(json.loads(json.dumps(top_k(search.study(), 2))))
    assert parent.finished == (0, 1, 2, 3)
    found, complete = observations_of(parent, search.study())
    assert complete and [each.params["x"] for each in found] == [0.1, 0.7, 0.2, 0.6]
    assert [each.score for each in found] == pytest.approx([quantile(share) for share in (0.125, 0.875, 0.375, 0.625)])
    search.run(n_trials=7, baselines=BASELINES, mishaps={4: "diverge"})
    assert observations_of(parent, search.study()) == (found, True)
    grown = TopK.model_validate(top_k(search.study(), 2))
    assert observations_of(grown, search.study())[0] != found


def test_what_the_predecessor_observed_comes_first_with_its_own_scores(search):
    earlier = [Observation(study="stage0", params={"x": 0.3, "loss": "plain"}, score=1.25)]
    search.run(n_trials=2, baselines=BASELINES, attributes={"observations": plain(earlier)})
    found, complete = observations_of(TopK.model_validate(top_k(search.study(), 2)), search.study())
    assert complete and found[0] == earlier[0]
    assert observed_studies(found) == {"stage0": 1, "study": 2} and list(observed_studies(found)) == ["stage0", "study"]


def test_without_all_of_its_trials_the_listed_ones_are_observed_by_their_places_among_all(search):
    search.run(n_trials=5, baselines=BASELINES, mishaps={4: "diverge"})
    parent = TopK.model_validate(top_k(search.study(), 2))
    best = [({"x": 0.7, "loss": "plain"}, quantile(0.875)), ({"x": 0.6, "loss": "plain"}, quantile(0.625))]
    other_list = parent.model_copy(update={"finished": (*parent.finished, 77)})
    old_list = parent.model_copy(update={"finished": None})
    for listed, study in ((parent, None), (other_list, search.study()), (old_list, search.study())):
        found, complete = observations_of(listed, study)
        assert not complete and [each.params for each in found] == [params for params, _ in best]
        assert [each.score for each in found] == pytest.approx([score for _, score in best])
