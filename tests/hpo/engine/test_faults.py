"""Faults put into real processes: each has its reason in the store, and afterwards the stage has exactly its trials."""

import random
import resource
import signal
import sqlite3
from datetime import datetime, timedelta

import optuna.storages._rdb.storage as rdb
import psutil
import pytest
from support.search.program import Program
from support.search.search_process import Search
from support.waiting import PATIENCE, wait_for

from psy_agents.errors import UserError
from psy_agents.hpo.study import store, trial_writer
from psy_agents.hpo.study.store import StudyStore

N = 4
WRITES = 34  # To the store, in a search of N trials by one worker.


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
    assert search.failures() == [failure]
    check_whole(search, ["complete"] * N)


@pytest.mark.parametrize("kind", ["memory limit", "torch memory limit"])
def test_a_real_memory_limit_is_met_with_half_the_micro_batch_in_a_fresh_process(search, kind):
    search.run(n_trials=N, mishaps={1: kind, 2: kind})
    assert search.failures() == ["out of memory"]
    check_whole(search, ["complete"] * N)
    lines = {number: (process, divisor) for number, process, divisor in search.diary_lines()}
    assert lines[1][1] == 1 and lines[2][1] == 2 and lines[1][0] != lines[2][0]


@pytest.mark.parametrize(("kind", "failure"), [("nan", "diverged"), ("diverge", "diverged"), ("error", "error")])
def test_a_trial_that_fails_for_good_counts_once_with_its_reason(search, kind, failure):
    search.run(n_trials=N, mishaps={1: kind})
    assert search.failures() == [failure]
    check_whole(search, ["complete"] * (N - 1) + ["failed"])


@pytest.mark.parametrize("kind", ["disk", "file limit"])
def test_a_full_disk_stops_the_stage_and_costs_no_trial(search, kind):
    with pytest.raises(UserError, match="no space left for what trial 2 of study writes.*make room"):
        search.run(n_trials=N, workers=1, mishaps={2: kind})
    assert search.failures() == ["disk full"]
    assert [folder.name for folder in search.weights.iterdir() if "." in folder.name] == []
    assert search.run(n_trials=N, workers=1).states == {"complete": N}
    check_whole(search, ["complete"] * N)


def test_a_store_that_another_program_keeps_locked_is_reported_and_the_search_continues_later(search, monkeypatch):
    search.run(n_trials=1)
    monkeypatch.setattr(store, "SQLITE_TIMEOUT", 0.5)
    other = sqlite3.connect(search.store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match="cannot be written.*keep it locked.*[Rr]un the same command again to continue"):
        search.run(n_trials=N)
    other.execute("ROLLBACK")
    other.close()
    search.run(n_trials=N)
    check_whole(search, ["complete"] * N)


class Faulty:
    """A callback that does something in the first epoch, once, and hears whether the stage ends."""

    def __init__(self, fault):
        self._fault, self.finished = fault, []

    def epoch_finished(self, *_):
        if self._fault is not None:
            self._fault, fault = None, self._fault
            fault()

    def stage_finished(self, result):
        self.finished.append(result)

    def __getattr__(self, event):
        return lambda *_: None


def test_a_store_that_is_locked_while_trials_run_ends_the_stage_in_order(search, monkeypatch):
    monkeypatch.setattr(store, "SQLITE_TIMEOUT", 0.5)
    other = sqlite3.connect(search.store, isolation_level=None)
    callback = Faulty(lambda: other.execute("BEGIN IMMEDIATE"))
    with pytest.raises(UserError, match="cannot be written.*keep it locked"):
        search.run(n_trials=N, workers=2, pause=0.1, callbacks=[callback])
    assert callback.finished == [None]
    assert not any(psutil.pid_exists(process) for _, process, _ in search.diary_lines())
    other.execute("ROLLBACK")
    other.close()
    search.run(n_trials=N)
    check_whole(search, ["complete"] * N)
    assert set(search.failures()) == {"orphan of a dead run"}


def test_a_store_that_another_program_has_for_itself_alone_is_no_damaged_one(search, monkeypatch):
    search.run(n_trials=1)
    monkeypatch.setattr(store, "SQLITE_TIMEOUT", 0.5)
    other = sqlite3.connect(search.store, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UserError, match=r"cannot be opened \(SQLITE_BUSY.*keep it locked"):
        search.run(n_trials=N)
    with pytest.raises(UserError, match=r"cannot be opened \(SQLITE_BUSY"):
        search.study()
    other.close()
    search.run(n_trials=N)
    check_whole(search, ["complete"] * N)


def test_a_full_disk_below_the_store_is_reported_and_the_search_continues_later(search):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = search.store.with_name(search.store.name + "-wal")

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, limits[1]))

    callback = Faulty(fill)
    try:
        with pytest.raises(UserError, match="cannot be written.*is there space on its disk.*run the same command again to continue"):
            search.run(n_trials=N, workers=2, callbacks=[callback])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert callback.finished == [None]
    search.run(n_trials=N)
    check_whole(search, ["complete"] * N)
    assert set(search.failures()) == {"orphan of a dead run"}


def test_a_disk_without_room_for_the_lock_is_reported(search):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with StudyStore(search.store) as opened:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        try:
            with pytest.raises(UserError, match=r"study.lock cannot be written \(File too large\)"), opened.own("study"):
                pass
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        with opened.own("study"):
            pass


def test_a_clock_that_jumps_changes_nothing(search, monkeypatch):
    jumps = random.Random(1)

    class Jumping(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=jumps.uniform(-2, 2))

    for module in (rdb, trial_writer):
        monkeypatch.setattr(module, "datetime", Jumping)
    monkeypatch.setattr("time.time", lambda: jumps.uniform(0, 4e9))
    search.run(n_trials=N, workers=2, mishaps={1: "hang"}, timeouts={"silence": 1.5}, timeout=3600)
    assert search.failures() == ["worker hung"]
    check_whole(search, ["complete"] * N)
    assert all(0 <= record.seconds < PATIENCE for record in search.records())
    assert 0 <= search.study().user_attrs["stage_seconds"] < PATIENCE
    again = [(record.number, record.value) for record in search.records()]
    assert [(record.number, record.value) for record in search.run(n_trials=N, timeout=3600).records] == again


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Index, parameters, seed and value of the trials of a search without faults."""
    search = Search(tmp_path_factory.mktemp("undisturbed"))
    search.run(n_trials=N)
    return outcomes(search)


def outcomes(search):
    return [(record.index, record.params, record.seed, record.value) for record in search.records()]


@pytest.mark.parametrize("write", sorted(random.Random(7).sample(range(1, WRITES + 1), 10)))
def test_a_search_killed_before_any_write_continues_to_the_same_trials(search, tmp_path, undisturbed, write):
    """A sample of them; the torture program goes through all."""
    program = Program(tmp_path, n_trials=N, dies_before_write=write)
    assert program.process.wait(PATIENCE) == -signal.SIGKILL
    assert search.run(n_trials=N).states == {"complete": N}
    check_whole(search, ["complete"] * N)
    assert set(search.failures()) <= {"orphan of a dead run"}
    assert outcomes(search) == undisturbed


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_shutdown_that_does_not_end(search, tmp_path, signum):
    program = Program(tmp_path, n_trials=N, mishaps={1: "hang hard"}, stuck=True)
    wait_for(lambda: len(search.diary_lines()) >= 2)
    program.remember_family()
    program.process.send_signal(signum)
    wait_for((tmp_path / "stuck").exists)
    assert program.process.poll() is None, "one signal waits for what hangs"
    program.process.send_signal(signum)
    assert program.process.wait(PATIENCE) == -signum
    assert program.survivors() == []
    assert search.run(n_trials=N).states == {"complete": N}
    check_whole(search, ["complete"] * N)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_search_that_waits_for_a_locked_store(search, tmp_path, signum):
    """The wait is below Python, where no handler runs: neither signal would be heard before it is over."""
    program = Program(tmp_path, n_trials=N, pause=0.2, workers=2)
    wait_for(lambda: len(search.diary_lines()) >= 2)
    program.remember_family()
    other = sqlite3.connect(search.store, timeout=PATIENCE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    wait_for(program.sleeps_in_the_kernel)  # It wants to store an epoch, and the store's own code waits for the lock.
    program.process.send_signal(signum)
    wait_for(lambda: not program.has_yet_to_take(signum))
    assert program.process.poll() is None, "one signal waits for what is computed to be stored"
    program.process.send_signal(signum)
    assert program.process.wait(PATIENCE) == -signal.SIGKILL
    assert program.survivors() == []
    other.execute("ROLLBACK")
    other.close()
    assert search.run(n_trials=N).states == {"complete": N}
    check_whole(search, ["complete"] * N)
