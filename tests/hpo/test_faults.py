"""Faults put into real processes: each has its reason in the store, and afterwards the stage has exactly its trials."""

import random
import signal
import sqlite3
from datetime import datetime, timedelta

import optuna.storages._rdb.storage as rdb
import psutil
import pytest
from program import Program, wait_for

from psy_agents.errors import UserError
from psy_agents.hpo import store

N = 4


def failures(search):
    return [trial.user_attrs["failure"] for trial in search.study().trials if "failure" in trial.user_attrs]


def check_whole(search, states):
    """Exactly N trials, one for each index; nothing runs, nothing is half written, no worker is left."""
    records = search.records()
    assert [record.index for record in records] == list(range(N))
    assert sorted(record.state for record in records) == sorted(states)
    assert not [trial for trial in search.study().trials if not trial.state.is_finished()]
    assert [folder.name for folder in search.weights.iterdir() if "." in folder.name] == []
    # Those of a killed parent end by themselves, a moment later.
    wait_for(lambda: not any(psutil.pid_exists(process) for _, process, _ in search.diary_lines()))


LOST = {"die": "worker died", "exit": "worker died", "hang": "worker hung", "hang hard": "worker hung", "cuda": "device error"}


@pytest.mark.parametrize(("kind", "failure"), LOST.items())
def test_a_worker_that_is_lost_costs_an_attempt_and_no_trial(search, kind, failure):
    search.run(n_trials=N, workers=2, mishaps={1: kind}, timeouts={"silence": 1.5})
    assert failures(search) == [failure]
    check_whole(search, ["complete"] * N)


def test_a_real_memory_limit_is_met_with_half_the_micro_batch_in_a_fresh_process(search):
    search.run(n_trials=N, mishaps={1: "memory limit", 2: "memory limit"})
    assert failures(search) == ["out of memory"]
    check_whole(search, ["complete"] * N)
    lines = {number: (process, divisor) for number, process, divisor in search.diary_lines()}
    assert lines[1][1] == 1 and lines[2][1] == 2 and lines[1][0] != lines[2][0]


@pytest.mark.parametrize(("kind", "failure"), [("nan", "diverged"), ("diverge", "diverged"), ("error", "error")])
def test_a_trial_that_fails_for_good_counts_once_with_its_reason(search, kind, failure):
    search.run(n_trials=N, mishaps={1: kind})
    assert failures(search) == [failure]
    check_whole(search, ["complete"] * (N - 1) + ["failed"])


@pytest.mark.parametrize("kind", ["disk", "file limit"])
def test_a_full_disk_stops_the_stage_and_costs_no_trial(search, kind):
    with pytest.raises(UserError, match="no space left for what trial 2 of study writes.*make room"):
        search.run(n_trials=N, workers=1, mishaps={2: kind})
    assert failures(search) == ["disk full"]
    assert [folder.name for folder in search.weights.iterdir() if "." in folder.name] == []
    assert search.run(n_trials=N, workers=1).states == {"complete": N}
    check_whole(search, ["complete"] * N)


def test_a_store_that_another_program_keeps_locked_is_told_and_the_search_goes_on_later(search, monkeypatch):
    search.run(n_trials=1)
    monkeypatch.setattr(store, "SQLITE_TIMEOUT", 0.5)
    other = sqlite3.connect(search.store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match="cannot be written.*keep it locked.*the same command goes on"):
        search.run(n_trials=N)
    other.execute("ROLLBACK")
    other.close()
    search.run(n_trials=N)
    check_whole(search, ["complete"] * N)


def test_a_clock_that_jumps_changes_nothing(search, monkeypatch):
    jumps = random.Random(1)

    class Jumping(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=jumps.uniform(-2, 2))

    monkeypatch.setattr(rdb, "datetime", Jumping)
    monkeypatch.setattr("time.time", lambda: jumps.uniform(0, 4e9))
    search.run(n_trials=N, workers=2, mishaps={1: "hang"}, timeouts={"silence": 1.5}, timeout=600)
    assert failures(search) == ["worker hung"]
    check_whole(search, ["complete"] * N)
    assert all(0 <= record.seconds < 60 for record in search.records())
    assert 0 <= search.study().user_attrs["stage_seconds"] < 120
    again = [(record.number, record.value) for record in search.records()]
    assert [(record.number, record.value) for record in search.run(n_trials=N, timeout=600).records] == again


@pytest.mark.parametrize("write", sorted(random.Random(7).sample(range(2, 38), 12)))
def test_a_search_killed_before_any_write_goes_on_to_the_same_trials(search, tmp_path, write):
    """Also between ask and the first parameter, between two of them, and before the index."""
    program = Program(tmp_path, n_trials=N, dies_before_write=write)
    assert program.process.wait(60) == -signal.SIGKILL
    assert search.run(n_trials=N).states == {"complete": N}
    check_whole(search, ["complete"] * N)
    assert set(failures(search)) <= {"orphan of a dead run"}
    search.run(name="whole", n_trials=N)
    told = [[(r.index, r.params, r.seed, r.value) for r in search.records(name)] for name in ("study", "whole")]
    assert told[0] == told[1]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_shutdown_that_does_not_end(search, tmp_path, signum):
    program = Program(tmp_path, n_trials=N, mishaps={1: "hang hard"}, stuck=True)
    wait_for(lambda: len(search.diary_lines()) >= 2)
    program.remember_family()
    program.process.send_signal(signum)
    wait_for((tmp_path / "stuck").exists)
    assert program.process.poll() is None, "one signal waits for what hangs"
    program.process.send_signal(signum)
    assert program.process.wait(10) == -signum
    assert program.survivors() == []
    assert search.run(n_trials=N).states == {"complete": N}
    check_whole(search, ["complete"] * N)
