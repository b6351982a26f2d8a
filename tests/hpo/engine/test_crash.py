"""Kills and signals at a running search: it continues where it stopped, and leaves no process behind."""

import signal

import psutil
import pytest
from support.search.program import Program
from support.waiting import wait_for

from psy_agents.hpo.study.history import TrialHistory

EARLIER = [{"study": "stage0", "params": {"x": x, "loss": "plain"}, "score": score} for x, score in ((0.1, -1.0), (0.9, 0.7), (0.5, 0.0))]
OPTIONS = {"n_trials": 7, "sampler": {"n_startup_trials": 2}, "baselines": [{"x": 0.2}], "earlier": EARLIER}


def test_a_killed_search_continues_with_the_trials_of_an_uninterrupted_one(search, tmp_path):
    search.run(name="whole", **OPTIONS)
    begun = len(search.diary_lines())
    for n_more in (1, 4):
        program = Program(tmp_path, pause=0.15, **OPTIONS)
        wait_for(lambda wanted=begun + n_more: len(search.diary_lines()) >= wanted)
        program.send(signal.SIGKILL)
        assert program.survivors() == []
        begun = len(search.diary_lines())
    result = search.run(**OPTIONS)
    assert result.states == {"complete": 7}
    whole = search.records("whole")
    assert [(r.params, r.seed, r.value) for r in result.records] == [(r.params, r.seed, r.value) for r in whole]
    failures = [trial.user_attrs.get("failure") for trial in search.study().trials if "failure" in trial.user_attrs]
    assert failures == ["orphan of a dead run"] * 2


@pytest.mark.parametrize("kind", ["hang", "hang hard"])
def test_a_hung_worker_does_not_outlive_a_killed_parent(search, tmp_path, kind):
    program = Program(tmp_path, mishaps={0: kind})
    wait_for(search.hung.exists)
    program.send(signal.SIGKILL)
    assert program.survivors() == []


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_stops_a_search_also_with_a_hung_worker_and_leaves_the_search_resumable(search, tmp_path, signum):
    program = Program(tmp_path, pause=0.2, mishaps={2: "hang"}, workers=2, n_trials=5)
    wait_for(lambda: len(search.diary_lines()) >= 3)
    program.send(signum, to_all=signum == signal.SIGUSR1)  # As Slurm does.
    assert f"SearchInterrupted: search interrupted by {signum.name}" in program.process.errors()
    assert program.survivors() == []
    states = {trial.state.name for trial in search.study().trials}
    assert "RUNNING" not in states
    assert set(search.failures()) == {"interrupted"}
    assert search.run(n_trials=5).states == {"complete": 5}


def test_orphans_use_up_no_retries(search):
    search.run(n_trials=1)
    trials = search.study().trials
    orphan = trials[0]
    orphan.state, orphan.user_attrs["failure"] = type(orphan.state).FAIL, "orphan of a dead run"
    history = TrialHistory([orphan], n_trials=1, max_retries=0)
    assert history.pending() == [0]


def test_handlers_are_restored_and_no_process_is_left_when_a_stage_ends(search):
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    search.run(workers=2)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    workers = {process for _, process, _ in search.diary_lines()}
    assert not any(psutil.pid_exists(process) for process in workers)
