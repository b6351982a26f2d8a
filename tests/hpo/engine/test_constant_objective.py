"""An objective that gives every epoch the same value stops its stage, which leaves no result and continues once the cause is gone."""

import pytest
from optuna.trial import TrialState

from psy_agents.errors import UserError
from psy_agents.hpo.engine.stage_runner import StageRunner
from psy_agents.hpo.study.topk import top_k

STAGE = {"n_trials": 7, "constant_after": 5, "objective": "support.search.objectives:Constant"}
SENTENCE = r"first 5 complete trials of study has the value 0\.25, .*without known evidence.*without a tokenizer.*the same command"


RUNGS = {"name": "rungs", "epochs": [1, 2], "min_trials": 2}


@pytest.mark.parametrize(("workers", "pruner"), [(1, {"name": "none"}), (2, RUNGS)])
def test_five_complete_trials_of_one_value_stop_the_stage_and_none_is_final(search, workers, pruner):
    """Rungs stop no trial that is as good as all others, whatever the order of the workers' reports."""
    with pytest.raises(UserError, match=SENTENCE):
        search.run(**STAGE, workers=workers, pruner=pruner)
    decisions = [each for trial in search.study().trials for each in trial.user_attrs.get("rungs", [])]
    assert bool(decisions) == (pruner is RUNGS)
    assert all(each["cut_off"] in (None, 0.25) and each["value"] == 0.25 for each in decisions)
    assert search.records() == ()
    failures = search.failures()
    assert failures.count("constant objective") == 5 and set(failures) <= {"constant objective", "interrupted"}
    assert all(trial.state is TrialState.FAIL and trial.values is None for trial in search.study().trials)
    with pytest.raises(UserError, match="No trial of study completed"):
        top_k(search.study(), 3)


def test_the_same_command_repeats_the_trials_once_the_cause_is_gone(search):
    whole = search.run(name="whole", **STAGE | {"objective": "support.search.objectives:Curve"})
    expected = [(record.index, record.params, record.value) for record in whole.records]
    for attempts in (5, 10):  # The cause is still there: the stage stops again, after five trials.
        with pytest.raises(UserError, match=SENTENCE):
            search.run(**STAGE)
        assert len(search.study().trials) == attempts
    search.diary.with_name("repaired").touch()
    result = search.run(**STAGE)
    assert [record.index for record in result.records] == list(range(7)) and result.states == {"complete": 7}
    assert [(record.index, record.params, record.value) for record in result.records][:5] == expected[:5], "with the same parameters"
    assert len(search.study().trials) == 5 + 5 + 7


def test_a_run_that_died_before_it_could_stop_is_stopped_by_the_next(search, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(StageRunner, "_refuse_constant", lambda self: None)
        search.run(**STAGE | {"n_trials": 5})
    with pytest.raises(UserError, match=SENTENCE):
        search.run(**STAGE)
    assert len(search.diary_lines()) == 5 and search.records() == ()


def test_ties_stop_nothing_where_another_epoch_differs_or_the_check_is_off(search):
    assert search.run(**STAGE | {"constant_after": None}).states == {"complete": 7}
    search.diary.with_name("repaired").touch()
    search.run(name="varied", **STAGE | {"n_trials": 1})
    search.diary.with_name("repaired").unlink()
    assert search.run(name="varied", **STAGE | {"n_trials": 8}).states == {"complete": 8}
