"""Failures whose cause lies outside the trials stop a stage, and settle nothing: the same command continues once the cause is gone."""

import pytest
from optuna.trial import TrialState

from psy_agents.errors import UserError
from psy_agents.hpo.engine.stage_trials import StageTrials

SENTENCE = r"Trials of study fail one after another at the same place \(.*\), and none succeeds.*They are not counted.*the same command"


@pytest.mark.parametrize(("kind", "n_trials", "failed"), [("error", 6, 3), ("error", 1, 1), ("die", 6, 3)])
def test_the_same_failure_in_a_row_stops_the_stage_and_its_trials_run_again(search, kind, n_trials, failed):
    stage = {"n_trials": n_trials, "max_retries": 0}
    expected = [record.params for record in search.run(name="whole", **stage).records]
    for attempts in (failed, 2 * failed):  # The cause is still there: the stage stops again.
        with pytest.raises(UserError, match=SENTENCE):
            search.run(**stage, mishaps=dict.fromkeys(range(20), kind))
        assert search.records() == () and search.failures() == ["the same failure in a row"] * attempts
    result = search.run(**stage)
    assert result.states == {"complete": n_trials} and [record.params for record in result.records] == expected


@pytest.mark.parametrize("kinds", [("error", None, "error", "error"), ("error", "diverge", "error", None), ("error", "die", "error", None)])
def test_fewer_than_three_of_a_place_without_a_success_between_are_final(search, kinds):
    mishaps = {number: kind for number, kind in enumerate(kinds) if kind is not None}
    result = search.run(n_trials=4, max_retries=0, mishaps=mishaps)
    assert [record.failure is None for record in result.records] == [kind is None for kind in kinds]
    trials = len(search.study().trials)
    assert search.run(n_trials=4, max_retries=0).states == result.states and len(search.study().trials) == trials


def test_a_stage_that_died_before_it_could_stop_continues_but_one_with_a_result_is_not_opened_again(search, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(StageTrials, "discard_failures_in_a_row", lambda self: None)
        search.run(name="poisoned", n_trials=3, mishaps=dict.fromkeys(range(3), "error"))
        search.run(n_trials=4, mishaps=dict.fromkeys(range(1, 4), "error"))
    assert search.run(name="poisoned", n_trials=3).states == {"complete": 3}
    assert search.run(n_trials=4).states == {"complete": 1, "failed: error": 3}, "a later stage may have observed it"
    assert search.run(n_trials=5).states == {"complete": 5}, "asked for more trials, it is open"
    assert all(trial.state is not TrialState.RUNNING for trial in search.study().trials)
