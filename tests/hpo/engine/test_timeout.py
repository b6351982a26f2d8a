"""A stage that time ends: it starts no trial after it, finishes those that run, and counts the time of all its runs."""

import time
from functools import partial

import pytest
from pydantic import ValidationError
from support.search.objectives import Curve

from psy_agents.agents.registry import AGENTS
from psy_agents.hpo.config import StageConfig
from psy_agents.hpo.engine import stage_runner
from psy_agents.hpo.engine.clocks import StageClock
from psy_agents.hpo.engine.stage_runner import StageRunner
from psy_agents.hpo.study.history import AHEAD, TrialHistory
from psy_agents.hpo.study.topk import TopK, top_k
from psy_agents.hpo.workers.executor import worker_count
from psy_agents.hpo.workers.worker import Worker

STAGE = {"name": "stage0", "label": "test", "epochs": 3, "patience": 3}


@pytest.fixture
def an_hour_later(search, monkeypatch):
    """Once so many trials have begun, the stage's clock is an hour ahead."""

    def at(trials: int) -> None:
        ahead = partial(StageClock, clock=lambda: time.monotonic() + 3600 * (len(search.diary_lines()) >= trials))
        monkeypatch.setattr(stage_runner, "StageClock", ahead)

    return at


def test_a_stage_without_a_number_ends_after_its_time_and_continues_when_it_is_given_more(search, an_hour_later):
    an_hour_later(2)
    first = search.run(n_trials=None, timeout=3600, pause=0.2)
    n = len(first.records)
    assert first.states == {"complete": n} and n == 2
    assert [record.index for record in first.records] == list(range(n))
    assert search.study().user_attrs["stage_seconds"] >= 3600

    again = search.run(n_trials=None, timeout=3600, pause=0.2)
    settled = [(record.number, record.value, record.seconds) for record in first.records]
    assert [(record.number, record.value, record.seconds) for record in again.records] == settled, "its time is used up"

    an_hour_later(4)
    more = search.run(n_trials=None, timeout=7200, pause=0.2)
    assert [(record.number, record.value, record.seconds) for record in more.records[:n]] == settled and len(more.records) > n
    assert len(search.diary_lines()) == len(more.records)
    assert search.study().user_attrs["stage_seconds"] >= 7200
    assert TopK.model_validate(top_k(search.study(), 1)).n_trials == len(more.records)


def test_trials_that_run_when_time_is_up_are_finished(search, monkeypatch):
    monkeypatch.setattr(StageRunner, "_time_is_up", lambda self: len(search.diary_lines()) >= 3)
    result = search.run(n_trials=None, timeout=3600, pause=0.3, workers=2)
    assert set(result.states) == {"complete"} and 3 <= len(result.records) <= 4
    assert all(record.epochs_run == 3 for record in result.records)


def test_a_number_of_trials_ends_a_stage_before_its_time(search):
    assert search.run(n_trials=2, timeout=3600).states == {"complete": 2}


def test_a_lost_trial_is_not_run_again_after_the_time_but_when_there_is_more(search, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(StageRunner, "_time_is_up", lambda self: len(search.diary_lines()) >= 2)
        assert search.run(n_trials=None, timeout=3600, mishaps={1: "die"}).states == {"complete": 1}
    result = search.run(n_trials=2, timeout=3600)
    assert result.states == {"complete": 2} and result.records[1].retry_of == 1


def test_time_that_runs_out_while_a_trial_is_about_to_start_ends_the_stage(search, monkeypatch):
    """It used to wait for ever, for workers that had nothing to do."""
    answers = iter([False])
    monkeypatch.setattr(StageRunner, "_time_is_up", lambda self: next(answers, True))
    assert search.run(n_trials=None, timeout=3600).records == ()


@pytest.mark.parametrize("n_trials", [5, None])
def test_no_worker_is_started_where_the_time_is_used_up(search, monkeypatch, n_trials):
    first = search.run(n_trials=1, timeout=3600)
    monkeypatch.setattr(Worker, "start", lambda self: pytest.fail("a worker was started"))
    assert search.run(n_trials=n_trials, timeout=1e-3) == first


def test_the_ledger_of_a_stage_without_end_is_always_ahead(search):
    search.run(n_trials=3, mishaps={1: "diverge"})
    history = TrialHistory(search.study().trials, n_trials=None, max_retries=0)
    assert history.pending() == list(range(3, 3 + AHEAD))
    assert TrialHistory([], n_trials=None, max_retries=0).pending() == list(range(AHEAD))


def test_a_stage_that_would_never_end_is_refused():
    assert StageConfig(**STAGE, n_trials=None, timeout=60).n_trials is None
    for wrong, message in [
        ({"n_trials": None}, "would never end: set one of them"),
        ({"n_trials": None, "timeout": 0}, "timeout"),
        ({}, "n_trials"),
    ]:
        with pytest.raises(ValidationError, match=message):
            StageConfig(**STAGE, **wrong)


def test_each_agent_may_have_its_own_number_of_trials():
    counts = dict(zip(AGENTS, (8, 12, 6, 7), strict=True))
    stage = StageConfig(**STAGE, n_trials=counts)
    assert [stage.of_agent(agent).n_trials for agent in AGENTS] == [8, 12, 6, 7]
    assert StageConfig(**STAGE, n_trials=3).of_agent("share").n_trials == 3
    with pytest.raises(ValueError, match=r"of_agent\(agent\)"):
        StageRunner(
            stage, None, (), None, "study", objective=f"support.search.objectives:{Curve.__name__}", setup=None, checkpoint_root="weights"
        )
    for wrong in (
        {**counts, "share": 0},
        {**counts, "share": None},
        {**counts, "shared": 1},
        {agent: 1 for agent in AGENTS[1:]},
        {},
        0,
        True,
        2.5,
    ):
        with pytest.raises(ValidationError, match="whole number of at least 1, or one for each of criteria, evidence, share, joint"):
            StageConfig(**STAGE, n_trials=wrong)


def test_no_more_workers_than_trials_and_the_requested_number_where_trials_are_open():
    assert worker_count(StageConfig(**STAGE, n_trials=2, workers={"count": 4})) == 2
    assert worker_count(StageConfig(**STAGE, n_trials=None, timeout=9, workers={"count": 4})) == 4
